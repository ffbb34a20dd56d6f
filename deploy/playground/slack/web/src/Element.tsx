import { useRef, useState } from "react";
import { Combobox } from "./Combobox";
import { Icon } from "./Icon";
import { Menu } from "./Menu";
import { useModal } from "./place";
import { chosenValues, Select, selected } from "./Select";
import { useSurface } from "./surface";
import type { Json } from "./types";

/** Slack's `confirm` object as a dialog. */
export function Confirm({ ask, onAnswer }: { ask: Json; onAnswer: (yes: boolean) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useModal(dialog);
  return (
    <dialog ref={dialog} className="confirm" aria-label={ask.title.text} onClose={() => onAnswer(false)}>
      <h3>{ask.title.text}</h3>
      <p>{ask.text.text}</p>
      <footer>
        <button type="button" className="quiet" onClick={() => onAnswer(false)}>
          {ask.deny.text}
        </button>
        <button type="button" className={ask.style} data-testid="confirm-yes" onClick={() => onAnswer(true)}>
          {ask.confirm.text}
        </button>
      </footer>
    </dialog>
  );
}

const DATES: Record<string, [input: string, field: string]> = {
  datepicker: ["date", "selected_date"],
  timepicker: ["time", "selected_time"],
  datetimepicker: ["datetime-local", "selected_date_time"],
};
const TYPED: Record<string, string> = { email_text_input: "email", url_text_input: "url", number_input: "number" };

function local(seconds: number): string {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** What a block_actions `actions` entry is asked for: the plain values in what is held. */
function plain(element: Json, held: Json): unknown {
  if (element.type in DATES) return held[DATES[element.type]![1]];
  if (element.type.endsWith("_input")) return held.value ?? null;
  const values = chosenValues(held);
  return element.type.startsWith("multi_") || element.type === "checkboxes" ? values : (values[0] ?? null);
}

interface Props {
  block: Json;
  element: Json;
  /** Inside an input block: the field's label is drawn by it, and nothing is sent before the submission. */
  field?: { attributes: Json; dispatch: boolean };
}

/** One interactive element, by the browser's own controls. */
export function Element({ block, element, field }: Props) {
  const { values, put, use } = useSurface();
  const [asked, setAsked] = useState<(() => void) | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const held: Json = values[block.block_id]?.[element.action_id] ?? { type: element.type };
  const send = (chosen: unknown, held?: Json) => {
    const now = async () => {
      setAsked(null);
      setBusy(true);
      setError(await use(block, element, chosen, held));
      setBusy(false);
    };
    if (element.confirm) setAsked(() => now);
    else void now();
  };
  const change = (value: Json) => {
    put(block.block_id, element.action_id, value);
    const all = { ...values, [block.block_id]: { ...values[block.block_id], [element.action_id]: value } };
    if (!field || (field.dispatch && !element.type.endsWith("_input"))) send(plain(element, value), all);
  };
  const label = element.accessibility_label ?? element.placeholder?.text ?? block.text?.text ?? element.action_id;
  const attributes: Json = { "aria-label": label, ...field?.attributes, "data-testid": `input-${element.action_id}` };
  return (
    <span className={busy ? "element busy" : "element"}>
      <Shape {...{ block, element, held, attributes }} onChange={change} send={send} dispatch={field?.dispatch ?? false} />
      {error && <span role="alert">{error}</span>}
      {asked && <Confirm ask={element.confirm} onAnswer={(yes) => (yes ? asked() : setAsked(null))} />}
    </span>
  );
}

interface ShapeProps {
  block: Json;
  element: Json;
  held: Json;
  attributes: Json;
  dispatch: boolean;
  onChange: (value: Json) => void;
  send: (chosen: unknown) => void;
}

function Shape(props: ShapeProps) {
  const { element, held, attributes, onChange, send } = props;
  const kind: string = element.type;
  if (kind === "button")
    return (
      <button
        type="button"
        className={element.style}
        aria-label={element.accessibility_label}
        data-testid={`button-${element.action_id}`}
        onClick={() => {
          if (element.url) open(element.url, "_blank", "noopener,noreferrer");
          send(undefined);
        }}
      >
        {element.text.text}
      </button>
    );
  if (kind === "overflow")
    return (
      <Menu
        label={attributes["aria-label"] === element.action_id ? "More options" : `More: ${attributes["aria-label"]}`.slice(0, 80)}
        testid={`input-${element.action_id}`}
        items={element.options.map((option: Json) => ({
          key: option.value, label: option.text.text, hint: option.description?.text, take: () => send(option.value),
        }))}
      >
        <Icon name="more" />
      </Menu>
    );
  if (kind.includes("external_select") || kind.startsWith("multi_")) return <Combobox {...props} />;
  if (kind.endsWith("_select")) return <Select {...props} />;
  if (kind in DATES) {
    const [type, name] = DATES[kind]!;
    const value = held[name] ?? "";
    return (
      <input
        {...attributes}
        type={type}
        value={typeof value === "number" ? local(value) : value}
        onChange={(event) => {
          const text = event.target.value;
          const given = type === "datetime-local" ? Math.floor(new Date(text).getTime() / 1000) : text;
          onChange({ type: kind, [name]: text ? given : null });
        }}
      />
    );
  }
  if (kind === "checkboxes" || kind === "radio_buttons") return <Ticks {...props} />;
  return <TextInput {...props} />;
}

function Ticks({ element, held, attributes, onChange }: ShapeProps) {
  const many = element.type === "checkboxes";
  const now = chosenValues(held);
  const options: Json[] = element.options;
  const name = attributes["data-testid"];
  const tick = (option: Json) => {
    const values = many ? (now.includes(option.value) ? now.filter((v) => v !== option.value) : [...now, option.value]) : [option.value];
    onChange(selected(element, options.filter((o) => values.includes(o.value))));
  };
  const { required, id, ...rest } = attributes;
  return (
    <span role={many ? "group" : "radiogroup"} className="ticks" {...rest} id={id}>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type={many ? "checkbox" : "radio"}
            name={name}
            required={required && (!many || now.length === 0)}
            checked={now.includes(option.value)}
            onChange={() => tick(option)}
          />
          <span>
            {option.text.text}
            {option.description && <small>{option.description.text}</small>}
          </span>
        </label>
      ))}
    </span>
  );
}

function TextInput({ element, held, attributes, dispatch, onChange, send }: ShapeProps) {
  const shared = {
    ...attributes,
    value: held.value ?? "",
    placeholder: element.placeholder?.text,
    minLength: element.min_length,
    maxLength: element.max_length,
    onChange: (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      onChange({ type: element.type, value: event.target.value || null }),
  };
  if (element.multiline) return <textarea rows={4} {...shared} />;
  return (
    <input
      {...shared}
      type={TYPED[element.type] ?? "text"}
      min={element.min_value}
      max={element.max_value}
      step={element.is_decimal_allowed ? "any" : undefined}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !dispatch) return;
        event.preventDefault();
        send(held.value ?? null);
      }}
    />
  );
}
