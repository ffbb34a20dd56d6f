const PATHS = {
  hash: "M9 4 7 20M17 4l-2 16M4 9h17M3 15h17",
  lock: "M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3",
  app: "M4 9c3-4 5 4 8 0s5 4 8 0M4 16c3-4 5 4 8 0s5 4 8 0",
  scene: "M12 3 4 7.5v9L12 21l8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  close: "M6 6l12 12M18 6 6 18",
  back: "M20 12H5M11 6l-6 6 6 6",
  more: "M12 5.5v.1M12 12v.1M12 18.5v.1",
  reply: "M4 5h16v11H10l-4 4v-4H4zM8 9h8M8 12h5",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14c1.8 2.7 5.200 2.700 7 0M9 9.5v.1M15 9.5v.1",
  plus: "M12 5v14M5 12h14",
  bolt: "M13 3 5 14h6l-1 7 8-11h-6z",
  send: "M4 4l17 8-17 8 3-8zM7 12h14",
  down: "M12 5v14M6 13l6 6 6-6",
  eye: "M2 12c4-8 16-8 20 0-4 8-16 8-20 0zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
} as const;

/** A drawn sign; what it means is said by the label of what holds it. */
export function Icon({ name, size = 18 }: { name: keyof typeof PATHS; size?: number }) {
  return (
    <svg className={`icon-sign sign-${name}`} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
