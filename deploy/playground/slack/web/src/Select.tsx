import { useSurface } from "./surface";
import type { Json, State } from "./types";

export interface Control {
  block: Json;
  element: Json;
  held: Json;
  attributes: Json;
  onChange: (value: Json) => void;
}

/** A select's options in groups; people and channels come from the workspace. */
export function groups(element: Json, state: State): Json[] {
  if (element.option_groups) return element.option_groups;
  if (element.options) return [{ options: element.options }];
  const option = (value: string, text: string) => ({ value, text: { type: "plain_text", text } });
  const users = state.users.filter((u) => !u.is_bot).map((u) => option(u.id, u.real_name));
  const channels = state.channels.filter((c) => !c.is_im).map((c) => option(c.id, `#${c.name}`));
  if (element.type.includes("users")) return [{ options: users }];
  if (element.type.includes("channels")) return [{ options: channels }];
  return [{ label: { text: "Channels" }, options: channels }, { label: { text: "People" }, options: users }];
}

const SOURCE = /^(?:multi_)?(users|channels|conversations)_select$/;

/** What Slack's state.values says for these options. */
export function selected(element: Json, options: Json[]): Json {
  const many = element.type.startsWith("multi_") || element.type === "checkboxes";
  const source = SOURCE.exec(element.type)?.[1]?.replace(/s$/, "");
  const chosen = source ? options.map((o) => o.value) : options;
  const name = `selected_${source ?? "option"}${many ? "s" : ""}`;
  return { type: element.type, [name]: many ? chosen : (chosen[0] ?? null) };
}

/** The values that an element's held value names, whichever field they are in. */
export function chosenValues(held: Json): string[] {
  const value = Object.entries(held).find(([key]) => key.startsWith("selected_"))?.[1] ?? [];
  return (Array.isArray(value) ? value : [value]).map((one) => (typeof one === "object" ? one.value : one));
}

/** Static, people and channel selects of one: the browser's own control. */
export function Select({ element, held, attributes, onChange }: Control) {
  const { state } = useSurface();
  const grouped = groups(element, state);
  const all = grouped.flatMap((group) => group.options as Json[]);
  const items = (options: Json[]) =>
    options.map((option) => (
      <option key={option.value} value={option.value}>
        {option.text.text}
      </option>
    ));
  return (
    <select
      {...attributes}
      value={chosenValues(held)[0] ?? ""}
      onChange={(event) => onChange(selected(element, all.filter((option) => option.value === event.target.value)))}
    >
      <option value="">{element.placeholder?.text ?? "Choose an option"}</option>
      {grouped.map((group, at) =>
        group.label ? (
          <optgroup key={at} label={group.label.text}>
            {items(group.options)}
          </optgroup>
        ) : (
          items(group.options)
        ),
      )}
    </select>
  );
}
