import { useId } from "react";
import { Element } from "./Element";
import { useSurface } from "./surface";
import type { Json } from "./types";

const GROUPS = ["checkboxes", "radio_buttons"];

/** An `input` block: label, control, hint and the app's error, tied together for screen readers. */
export function Field({ block }: { block: Json }) {
  const { errors } = useSurface();
  const id = useId();
  const error = errors[block.block_id];
  const group = GROUPS.includes(block.element.type);
  const describedBy = [error && `${id}-error`, block.hint && `${id}-hint`].filter(Boolean).join(" ");
  const attributes: Json = {
    id,
    "aria-label": undefined,
    "aria-labelledby": group ? `${id}-label` : undefined,
    "aria-describedby": describedBy || undefined,
    "aria-invalid": error && !group ? true : undefined,
    required: !block.optional,
  };
  const text = (
    <>
      {block.label.text}
      {block.optional && <small> (optional)</small>}
    </>
  );
  return (
    <div className="input">
      {group ? <span id={`${id}-label`}>{text}</span> : <label htmlFor={id}>{text}</label>}
      <Element block={block} element={block.element} field={{ attributes, dispatch: block.dispatch_action ?? false }} />
      {error && (
        <small role="alert" id={`${id}-error`}>
          {error}
        </small>
      )}
      {block.hint && <small id={`${id}-hint`}>{block.hint.text}</small>}
    </div>
  );
}
