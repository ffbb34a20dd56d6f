import { useCallback, useEffect, useState } from "react";

// Shapes of the console's scene panel (see deploy/playground/scene_panel.py).
export interface Pod {
  namespace: string;
  name: string;
  ready: string;
  status: string;
  restarts: string;
  node: string;
  fault: string | null;
}

export interface Node {
  name: string;
  status: string;
  fault: string | null;
}

export interface Kind {
  name: string;
  words: string;
  numbers: string[];
}

/** What a fault can be given to. */
export type Target = Pod | Node;

export interface SceneState {
  pods: Pod[];
  nodes: Node[];
  kinds: Kind[];
  node_kinds: Kind[];
  numbers: Record<string, number>;
  logs: string[];
}

export interface LogLine {
  at: string;
  level: string;
  text: string;
}

const EVERY = 1000;

/** What `/_panel/scene<path>` answers, asked again every second while the page is looked at; its refusal if any. */
export function usePolled<T>(path: string | null): { data: T | null; problem: string | null; again: () => void } {
  const [data, setData] = useState<T | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (path === null) return;
    let stale = false;
    const look = async () => {
      if (document.visibilityState === "hidden") return;
      try {
        const answer = await fetch(`/_panel/scene${path}`);
        const body = await answer.json();
        if (stale) return;
        setProblem(answer.ok ? null : body.error);
        if (answer.ok) setData(body);
      } catch {
        if (!stale) setProblem("The console does not answer.");
      }
    };
    void look();
    const timer = setInterval(look, EVERY);
    return () => {
      stale = true;
      clearInterval(timer);
    };
  }, [path, turn]);
  return { data, problem, again: useCallback(() => setTurn((n) => n + 1), []) };
}

/** Gives a pod or a node a fault, or takes it back (kind `none`); the refusal, or null. */
export async function inject(target: Target, kind: string, numbers: Record<string, number> = {}): Promise<string | null> {
  const where = "namespace" in target ? { namespace: target.namespace, pod: target.name } : { node: target.name };
  try {
    const answer = await fetch("/_panel/scene/fault", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...where, kind, ...numbers }),
    });
    const body = await answer.json();
    return body.ok ? null : body.error;
  } catch {
    return "The console does not answer.";
  }
}
