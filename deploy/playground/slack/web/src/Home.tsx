import { useEffect } from "react";
import { act } from "./api";
import { BlockList } from "./Blocks";
import { SurfaceProvider, useValues } from "./surface";
import type { Json, State } from "./types";

const NOTHING: Json[] = [];

/** The app's Home tab, as it published it for this person; opening it is told to the app. */
export function Home({ state }: { state: State }) {
  const home = state.home;
  const surface = useValues(state, home && { view_id: home.id }, home?.blocks ?? NOTHING);
  useEffect(() => void act("home", { user: state.me }), [state.me]);
  return (
    <div className="home" role="tabpanel" id="panel-home" aria-labelledby="tab-home" data-testid="home" tabIndex={0}>
      {home ? (
        <SurfaceProvider value={surface}>
          <BlockList blocks={home.blocks} />
        </SurfaceProvider>
      ) : (
        <p className="empty">The app has not published a Home for you yet.</p>
      )}
    </div>
  );
}

interface TabsProps {
  current: "home" | "messages";
  onTab: (tab: "home" | "messages") => void;
}

/** Home and Messages; the arrow keys move between them. */
export function Tabs({ current, onTab }: TabsProps) {
  const tab = (name: "home" | "messages", label: string) => (
    <button
      role="tab"
      id={`tab-${name}`}
      data-testid={`tab-${name}`}
      aria-selected={current === name}
      aria-controls={current === name ? `panel-${name}` : undefined}
      tabIndex={current === name ? 0 : -1}
      onClick={() => onTab(name)}
    >
      {label}
    </button>
  );
  return (
    <div
      role="tablist"
      aria-label="App"
      className="tabs"
      onKeyDown={(event) => {
        if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
        const other = current === "home" ? "messages" : "home";
        onTab(other);
        document.getElementById(`tab-${other}`)?.focus();
      }}
    >
      {tab("home", "Home")}
      {tab("messages", "Messages")}
    </div>
  );
}
