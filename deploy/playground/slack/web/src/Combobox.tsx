import { useEffect, useId, useState } from "react";
import { ask } from "./api";
import { chosenValues, type Control, groups, selected } from "./Select";
import { useSurface } from "./surface";
import type { Json } from "./types";

type Offer = Json[] | string;

/** What is offered for `query`: the app's answer (external selects), or those of the known options that fit. */
function useOffer({ block, element }: Control, query: string, open: boolean, known: Json[] | null): Offer {
  const { state, where } = useSurface();
  const [offer, setOffer] = useState<Offer>([]);
  const least = element.min_query_length ?? 3;
  useEffect(() => {
    if (!open || known) return;
    if (query.length < least) return setOffer([]);
    let stale = false;
    const body = { user: state.me, ...where, block_id: block.block_id, action_id: element.action_id, value: query };
    const wait = setTimeout(async () => {
      const answer = await ask("suggest", body);
      if (stale) return;
      const found = () => answer.options ?? answer.option_groups.flatMap((g: Json) => g.options);
      setOffer(answer.ok ? found() : "Result didn't load.");
    }, 150);
    return () => {
      stale = true;
      clearTimeout(wait);
    };
  }, [query, open]);
  if (!known) return offer;
  return known.filter((option) => option.text.text.toLowerCase().includes(query.toLowerCase()));
}

/** What is chosen now, as options: people and channels are held by their ids alone. */
function takenOptions(held: Json, known: Json[] | null): Json[] {
  if (!known) return held.selected_options ?? (held.selected_option ? [held.selected_option] : []);
  return chosenValues(held).flatMap((value) => known.find((option) => option.value === value) ?? []);
}

/** External selects and all selects of many: type, choose from the list box below (ARIA combobox); many are chips. */
export function Combobox(props: Control) {
  const { element, held, attributes, onChange } = props;
  const { state } = useSurface();
  const many = element.type.startsWith("multi_");
  const known = element.type.includes("external") ? null : groups(element, state).flatMap((g) => g.options as Json[]);
  const taken = takenOptions(held, known);
  const [query, setQuery] = useState("");
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState(0);
  const id = useId();
  const least = known ? 0 : (element.min_query_length ?? 3);
  const full = taken.length >= (element.max_selected_items ?? Infinity);
  const offer = useOffer(props, query, open, known);
  const options = Array.isArray(offer) && !full ? offer.filter((o) => !many || !taken.some((t) => t.value === o.value)) : [];
  const at = Math.min(chosen, options.length - 1);
  const take = (option: Json) => {
    onChange(selected(element, many ? [...taken, option] : [option]));
    setQuery("");
    setChosen(0);
    setOpen(false);
  };
  const key = (event: React.KeyboardEvent) => {
    if (event.key === "ArrowDown") open ? setChosen(Math.min(at + 1, options.length - 1)) : setOpen(true);
    else if (event.key === "ArrowUp") setChosen(Math.max(at - 1, 0));
    else if (event.key === "Enter" && open && options[at]) take(options[at]);
    else if (event.key === "Escape" && open) setOpen(false);
    else if (event.key === "Backspace" && !query && taken.length) return onChange(selected(element, taken.slice(0, -1)));
    else if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
  };
  const { required, ...rest } = attributes;
  const nothing = full ? "That is as many as can be chosen." : query.length < least ? `Type ${least - query.length} more…` : "No results";
  return (
    <span className="combobox">
      {many && <Chosen options={taken} onRemove={(gone) => onChange(selected(element, taken.filter((o) => o !== gone)))} />}
      <input
        {...rest}
        required={required && taken.length === 0}
        role="combobox"
        className={!many && taken.length > 0 ? "chosen" : undefined}
        autoComplete="off"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        aria-autocomplete="list"
        aria-activedescendant={open && options[at] ? `${id}${at}` : undefined}
        placeholder={(!many && taken[0]?.text.text) || (element.placeholder?.text ?? "Type to search")}
        value={query}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onClick={() => setOpen(true)}
        onChange={(event) => {
          setQuery(event.target.value);
          setChosen(0);
          setOpen(true);
        }}
        onKeyDown={key}
      />
      {open && (
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
              {typeof offer === "string" ? offer : nothing}
            </li>
          )}
        </ul>
      )}
    </span>
  );
}

function Chosen({ options, onRemove }: { options: Json[]; onRemove: (option: Json) => void }) {
  return options.map((option) => (
    <button
      type="button"
      className="chip"
      key={option.value}
      aria-label={`Remove ${option.text.text}`}
      onClick={() => onRemove(option)}
    >
      {option.text.text} ✕
    </button>
  ));
}
