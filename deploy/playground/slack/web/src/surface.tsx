import { createContext, useContext, useMemo, useState } from "react";
import { act } from "./api";
import type { Json, State } from "./types";

/** Where blocks stand (a message, a modal, a Home tab) and what its inputs hold, as Slack's state.values. */
export interface Surface {
  state: State;
  where: Json | null;
  values: Json;
  errors: Record<string, string>;
  put: (block: string, action: string, value: Json) => void;
  use: (block: Json, element: Json, chosen: unknown, values?: Json) => Promise<string | null>;
}

const Place = createContext<Surface | null>(null);
export const SurfaceProvider = Place.Provider;

export function useSurface(): Surface {
  return useContext(Place)!;
}

type Elements = { block: Json; element: Json }[];

function inputs(blocks: Json[]): Elements {
  return blocks.flatMap((block) =>
    [block.element, ...(block.elements ?? []), block.accessory]
      .filter((one) => one?.action_id && one.type !== "button" && one.type !== "overflow")
      .map((element) => ({ block, element })),
  );
}

/** What an element holds before anyone touched it, in Slack's shape. */
export function initial(element: Json): Json {
  const held: Json = { type: element.type };
  for (const [key, value] of Object.entries(element))
    if (key.startsWith("initial_") && value !== null)
      held[key === "initial_value" ? "value" : key.replace("initial_", "selected_")] = value;
  return held;
}

/** Values that inputs hold, kept by block_id and action_id when the blocks change around them. */
export function useValues(state: State, where: Json | null, blocks: Json[], errors: Record<string, string> = {}): Surface {
  const [typed, setTyped] = useState<Json>({});
  const values = useMemo(() => {
    const all: Json = {};
    for (const { block, element } of inputs(blocks)) {
      const own = typed[block.block_id]?.[element.action_id] ?? initial(element);
      all[block.block_id] = { ...all[block.block_id], [element.action_id]: own };
    }
    return all;
  }, [typed, blocks]);
  const put = (block: string, action: string, value: Json) =>
    setTyped((old: Json) => ({ ...old, [block]: { ...old[block], [action]: value } }));
  const use = (block: Json, element: Json, chosen: unknown, held: Json = values) =>
    act("click", {
      user: state.me, ...where, block_id: block.block_id, action_id: element.action_id, value: chosen, values: held,
    });
  return { state, where, values, errors, put, use };
}
