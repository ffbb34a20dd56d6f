import { useEffect, useRef, useState } from "react";
import { act } from "./api";
import { Blocks } from "./Blocks";
import type { Json, State } from "./types";

/** The modal on top of one's stack: text inputs and static selects are native, the rest is rendered. */
export function Modal({ state, view }: { state: State; view: Json }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [values, setValues] = useState<Json>({});
  const [error, setError] = useState<string | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const body = { user: state.me, view_id: view.id };
  const put = (block: Json, value: Json) =>
    setValues({ ...values, [block.block_id]: { [block.element.action_id]: { type: block.element.type, ...value } } });
  return (
    <dialog ref={dialog} className="modal" data-testid="modal" onCancel={() => void act("close", body)}>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          setError(await act("submit", { ...body, values }));
        }}
      >
        <h3>{view.title?.text}</h3>
        {(view.blocks as Json[]).map((block) =>
          block.type === "input" ? (
            <Input key={block.block_id} block={block} error={state.errors?.[block.block_id]} put={(value) => put(block, value)} />
          ) : (
            <Blocks key={block.block_id} state={state} blocks={[block]} />
          ),
        )}
        {error && <p role="alert">{error}</p>}
        <footer>
          <button type="button" className="quiet" onClick={() => void act("close", body)}>
            {view.close?.text ?? "Cancel"}
          </button>
          {view.submit && <button data-testid="modal-submit">{view.submit.text}</button>}
        </footer>
      </form>
    </dialog>
  );
}

function Input({ block, error, put }: { block: Json; error: string | undefined; put: (value: Json) => void }) {
  const element = block.element as Json;
  const options: Json[] = element.options ?? [];
  return (
    <label className="input">
      {block.label.text}
      {element.type === "static_select" ? (
        <select
          data-testid={`input-${element.action_id}`}
          onChange={(event) => put({ selected_option: options.find((o) => o.value === event.target.value) ?? null })}
        >
          <option value="">{element.placeholder?.text ?? "Choose"}</option>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text.text}
            </option>
          ))}
        </select>
      ) : (
        <input
          data-testid={`input-${element.action_id}`}
          defaultValue={element.initial_value}
          required={!block.optional}
          onChange={(event) => put({ value: event.target.value })}
        />
      )}
      {error && <small role="alert">{error}</small>}
      {block.hint && <small>{block.hint.text}</small>}
    </label>
  );
}
