import { useEffect, useId, useState } from "react";
import { ask } from "./api";
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
function groups(element: Json, state: State): Json[] {
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

/** Static, people and channel selects: the browser's own control. */
export function Select({ element, held, attributes, onChange }: Control) {
  const { state } = useSurface();
  const grouped = groups(element, state);
  const all = grouped.flatMap((group) => group.options as Json[]);
  const many = element.type.startsWith("multi_");
  const now = chosenValues(held);
  const items = (options: Json[]) =>
    options.map((option) => (
      <option key={option.value} value={option.value}>
        {option.text.text}
      </option>
    ));
  return (
    <select
      {...attributes}
      multiple={many}
      size={many ? Math.min(5, Math.max(2, all.length)) : undefined}
      value={many ? now : (now[0] ?? "")}
      onChange={(event) => {
        const taken = [...event.target.selectedOptions].map((one) => one.value);
        onChange(selected(element, all.filter((option) => taken.includes(option.value))));
      }}
    >
      {!many && <option value="">{element.placeholder?.text ?? "Choose an option"}</option>}
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

/** An external select: what is typed goes to the app, its options come up in a list box below (ARIA combobox). */
export function Combobox({ block, element, held, attributes, onChange }: Control) {
  const { state, where } = useSurface();
  const many = element.type.startsWith("multi_");
  const taken: Json[] = many ? (held.selected_options ?? []) : held.selected_option ? [held.selected_option] : [];
  const [query, setQuery] = useState("");
  const [offer, setOffer] = useState<Json[] | string | null>(null);
  const [at, setAt] = useState(0);
  const id = useId();
  const least = element.min_query_length ?? 3;
  useEffect(() => {
    if (offer === null) return;
    if (query.length < least) return setOffer([]);
    let stale = false;
    const body = { user: state.me, ...where, block_id: block.block_id, action_id: element.action_id, value: query };
    const wait = setTimeout(async () => {
      const answer = await ask("suggest", body);
      if (stale) return;
      setAt(0);
      setOffer(
        answer.ok ? (answer.options ?? answer.option_groups.flatMap((g: Json) => g.options)) : "Result didn't load.",
      );
    }, 150);
    return () => {
      stale = true;
      clearTimeout(wait);
    };
  }, [query, offer === null]);
  const options = Array.isArray(offer) ? offer : [];
  const take = (option: Json) => {
    onChange(selected(element, many ? [...taken.filter((o) => o.value !== option.value), option] : [option]));
    setQuery("");
    setOffer(null);
  };
  const key = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(at + 1, options.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(at - 1, 0));
    else if (event.key === "Enter" && options[at]) take(options[at]);
    else if (event.key === "Escape" && offer !== null) setOffer(null);
    else if (event.key === "Backspace" && !query && taken.length) onChange(selected(element, taken.slice(0, -1)));
    else if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
  };
  const { required, ...rest } = attributes;
  return (
    <span className="combobox">
      {many &&
        taken.map((option) => (
          <button
            type="button"
            className="chip"
            key={option.value}
            aria-label={`Remove ${option.text.text}`}
            onClick={() => onChange(selected(element, taken.filter((o) => o !== option)))}
          >
            {option.text.text} ✕
          </button>
        ))}
      <input
        {...rest}
        required={required && taken.length === 0}
        role="combobox"
        className={taken.length > 0 ? "chosen" : undefined}
        autoComplete="off"
        aria-expanded={offer !== null}
        aria-controls={offer === null ? undefined : id}
        aria-autocomplete="list"
        aria-activedescendant={options[at] ? `${id}${at}` : undefined}
        placeholder={(!many && taken[0]?.text.text) || (element.placeholder?.text ?? "Type to search")}
        value={query}
        onFocus={() => setOffer([])}
        onBlur={() => setOffer(null)}
        onChange={(event) => {
          setQuery(event.target.value);
          setOffer(options);
        }}
        onKeyDown={key}
      />
      {offer !== null && (
        <ul role="listbox" id={id} aria-label="Options">
          {options.map((option, index) => (
            <li
              key={option.value}
              id={`${id}${index}`}
              role="option"
              aria-selected={index === at}
              onPointerDown={(event) => {
                event.preventDefault();
                take(option);
              }}
            >
              {option.text.text}
            </li>
          ))}
          {options.length === 0 && (
            <li role="option" aria-selected="false" aria-disabled="true">
              {typeof offer === "string" ? offer : query.length < least ? `Type ${least - query.length} more…` : "No results"}
            </li>
          )}
        </ul>
      )}
    </span>
  );
}
