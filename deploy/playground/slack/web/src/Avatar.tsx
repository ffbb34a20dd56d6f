import type { User } from "./types";

const HUES: Record<string, number> = { alice: 268, bob: 205, carol: 150, mallory: 20 };

/** A person's initial, or the app's sign; decoration beside a name. */
export function Avatar({ user, small }: { user: User | undefined; small?: boolean }) {
  const kind = ["avatar", user?.is_bot ? "bot" : "", small ? "small" : ""].join(" ");
  return (
    <span className={kind} style={{ "--hue": HUES[user?.name ?? ""] ?? 0 } as React.CSSProperties} aria-hidden="true">
      {user?.is_bot ? "≋" : (user?.real_name ?? "S").slice(0, 1)}
    </span>
  );
}
