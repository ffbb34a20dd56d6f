import { Component, type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type Block, Message as SlackBlocks } from "slack-blocks-to-jsx";
import { Confirm, Element as Control } from "./Element";
import { Field } from "./Field";
import { here } from "./FileView";
import { Picture } from "./Picture";
import { SurfaceProvider, useSurface, useValues } from "./surface";
import { Table } from "./Table";
import type { Json, Message, State } from "./types";

/** A plain message's text as a block, so that people's words go through the same renderer. */
export function textBlocks(text: string): Json[] {
  return text ? [{ type: "section", block_id: "text", text: { type: "mrkdwn", text } }] : [];
}

/** The renderer throws on what it doesn't know: one block then shows its fallback, the others live on. */
class Guard extends Component<{ fallback: ReactNode; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}

function chartRows(chart: Json): Json[][] {
  const cell = (text: unknown) => ({ type: "raw_text", text: String(text) });
  if (chart.type === "pie") return chart.segments.map((s: Json) => [cell(s.label), cell(s.value)]);
  const head = [cell(""), ...chart.series.map((s: Json) => cell(s.name))];
  const rows = chart.axis_config.categories.map((label: string, at: number) => [
    cell(label),
    ...chart.series.map((s: Json) => cell(s.data[at]?.value ?? "")),
  ]);
  return [head, ...rows];
}

/** An image block: its title above as in Slack; a slack_file comes from the workspace's own file store. */
function ImageBlock({ block }: { block: Json }) {
  const file = block.slack_file;
  const url: string = file ? (here(file.url) ?? `/_page/file/${file.id}`) : block.image_url;
  return (
    <figure className="image">
      {block.title && <figcaption>{block.title.text}</figcaption>}
      <Picture url={url} alt={block.alt_text} name={block.title?.text ?? block.alt_text} />
    </figure>
  );
}

/**
 * Text objects as the renderer reads them best. It shows `verbatim` text as source, where Slack only leaves out
 * automatic links; it turns &gt; into "> ", leaves &amp; in code as it is, and puts
 * lines around fences of its own.
 */
function readable(node: Json): Json {
  if (Array.isArray(node)) return node.map(readable);
  if (node === null || typeof node !== "object") return node;
  if (node.type === "mrkdwn" && typeof node.text === "string") {
    const text = node.text.replaceAll("&gt;", ">").replaceAll("&amp;", "&").replace(/\n?```\n?/g, "```");
    return { type: "mrkdwn", text };
  }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, readable(value)]));
}

// The renderer takes the middle of 14:03:07 and of (198.18.0.7:8080): for an emoji, the latter with its colons.
const hooks = {
  emoji: (data: { name: string }, parse: (data: { name: string }) => string) => {
    const name = data.name.replace(/^:|:$/g, "");
    const found = /^(?=.*[a-z+])[a-z0-9_+'-]+$/.test(name) ? parse({ name }) : name;
    return found === name ? `:${name}:` : found;
  },
};

const dark = matchMedia("(prefers-color-scheme: dark)");

function listen(changed: () => void): () => void {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** The renderer, light or dark as the reader's system is. */
function Drawn({ block, data }: { block: Block; data: Json }) {
  const theme = useSyncExternalStore(listen, () => dark.matches) ? "dark" : "light";
  return <SlackBlocks theme={theme} withoutWrapper blocks={[block]} logo="" name="" data={data} hooks={hooks} />;
}

export function rendered(block: Json, state: State): ReactNode {
  const data = {
    users: state.users.map((u) => ({ id: u.id, name: u.name })),
    channels: state.channels.map((c) => ({ id: c.id, name: c.name ?? c.id })),
  };
  if (block.type === "image") return <ImageBlock block={block} />;
  if (block.type === "table" || block.type === "data_table") return <Table block={block} state={state} />;
  const fallback =
    block.type === "data_visualization" ? (
      <Table block={{ caption: block.title, rows: chartRows(block.chart) }} state={state} />
    ) : (
      <p className="unrendered">(a {block.type} block that this page can't draw)</p>
    );
  return (
    <Guard fallback={fallback}>
      <Drawn block={readable(block) as Block} data={data} />
    </Guard>
  );
}

/** Buttons that the renderer draws inside cards and containers. */
function buttons(block: Json): Json[] {
  const inside: Json[] = [...(block.elements ?? []), ...(block.actions ?? []), ...(block.child_blocks ?? [])];
  return [...inside, ...inside.flatMap(buttons)].filter((one) => one?.action_id && one.type === "button");
}

/** A block that holds others; the renderer's buttons carry their action_id as id, and are taken over here. */
function Container({ block }: { block: Json }) {
  const { state, use } = useSurface();
  const root = useRef<HTMLDivElement>(null);
  const [asked, setAsked] = useState<Json | null>(null);
  const [error, setError] = useState<string | null>(null);
  const known = buttons(block);
  useEffect(() => {
    for (const one of known)
      root.current
        ?.querySelectorAll(`button#${CSS.escape(one.action_id)}`)
        .forEach((button) => button.setAttribute("data-testid", `button-${one.action_id}`));
  });
  const press = async (element: Json) => setError(await use(block, element, undefined));
  const take = (event: React.MouseEvent) => {
    const button = (event.target as Element).closest("button[id]");
    const element = known.find((one) => one.action_id === button?.id);
    if (!element) return;
    event.stopPropagation();
    if (element.confirm) setAsked(element);
    else void press(element);
  };
  return (
    <div ref={root} onClickCapture={take}>
      {rendered(block, state)}
      {error && <p role="alert">{error}</p>}
      {asked && (
        <Confirm
          ask={asked.confirm}
          onAnswer={(yes) => {
            setAsked(null);
            if (yes) void press(asked);
          }}
        />
      )}
    </div>
  );
}

/** One block: inputs and actions by the browser's own controls, everything else by the renderer. */
function OneBlock({ block }: { block: Json }) {
  const { state } = useSurface();
  if (block.type === "input") return <Field block={block} />;
  if (block.type === "actions")
    return (
      <div className="actions">
        {(block.elements as Json[]).map((element, at) => (
          <Control key={element.action_id ?? at} block={block} element={element} />
        ))}
      </div>
    );
  const beside = block.type === "section" && block.accessory && block.accessory.type !== "image" ? block.accessory : null;
  if (!beside) return block.child_blocks || block.actions ? <Container block={block} /> : rendered(block, state);
  const { accessory: _, ...alone } = block;
  return (
    <div className="with-accessory">
      <div>{rendered(alone, state)}</div>
      <Control block={block} element={beside} />
    </div>
  );
}

/** A view's or a message's blocks, inside a surface. */
export function BlockList({ blocks }: { blocks: Json[] }) {
  return (
    <div className="blocks">
      {blocks.map((block, index) => (
        <div className="block" key={block.block_id ?? index}>
          <OneBlock block={block} />
        </div>
      ))}
    </div>
  );
}

/** The blocks of a message. */
export function Blocks({ state, message, blocks }: { state: State; message: Message; blocks: Json[] }) {
  const surface = useValues(state, { channel: message.channel, ts: message.ts }, blocks);
  return (
    <SurfaceProvider value={surface}>
      <BlockList blocks={blocks} />
    </SurfaceProvider>
  );
}
