import { useEffect, useRef, useState } from "react";
import { act } from "./api";
import { BlockList } from "./Blocks";
import { Icon } from "./Icon";
import { useModal } from "./place";
import { SurfaceProvider, useValues } from "./surface";
import type { Json, State } from "./types";

/** The modal on top of one's stack. An update keeps what was typed where block_id and action_id stay the same. */
export function Modal({ state, view }: { state: State; view: Json }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const surface = useValues(state, { view_id: view.id }, view.blocks, state.errors);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const body = { user: state.me, view_id: view.id };
  useModal(dialog);
  useEffect(() => {
    // The first field, not the close button: where Slack puts the cursor.
    dialog.current?.querySelector<HTMLElement>(".blocks :is(input, select, textarea)")?.focus();
  }, []);
  useEffect(() => dialog.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus(), [state.errors]);
  const close = () => void act("close", body);
  const closeAll = () => void act("close", { ...body, all: true });
  const deeper = state.views.length > 1;
  return (
    <dialog
      ref={dialog}
      className="modal"
      data-testid="modal"
      aria-labelledby="modal-title"
      onCancel={(event) => {
        // Closing is the workspace's to do: the app may want to hear of it.
        event.preventDefault();
        if (event.target === dialog.current) close();
      }}
    >
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          setBusy(true);
          setError(await act("submit", { ...body, values: surface.values }));
          setBusy(false);
        }}
      >
        <header>
          {deeper && (
            <button type="button" className="quiet" aria-label="Back" onClick={close}>
              <Icon name="back" />
            </button>
          )}
          <h2 id="modal-title">{view.title?.text}</h2>
          <button type="button" className="quiet" aria-label="Close" onClick={closeAll}>
            <Icon name="close" />
          </button>
        </header>
        <SurfaceProvider value={surface}>
          <BlockList blocks={view.blocks} />
        </SurfaceProvider>
        {error && <p role="alert">{error}</p>}
        <footer>
          <button type="button" className="quiet" onClick={close}>
            {view.close?.text ?? (deeper ? "Back" : "Cancel")}
          </button>
          {view.submit && (
            <button className="primary" data-testid="modal-submit" disabled={busy}>
              {view.submit.text}
            </button>
          )}
        </footer>
      </form>
    </dialog>
  );
}
