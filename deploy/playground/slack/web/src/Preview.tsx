import { useState } from "react";
import { type Packet, packets } from "./pcap";
import type { SlackFile } from "./types";

// Enough for a look; the download is the whole file.
const FIRST_BYTES = 262_144;
const TEXT_LIMIT = 4_000_000;
const SHOWN_TEXT = 4_000;

type Kind = "pcap" | "html" | "text";
type Loaded = { packets: Packet[] } | { html: string } | { text: string } | { problem: string };

const WORDS: Record<Kind, string> = { pcap: "Packets", html: "Page", text: "Text" };

/** How a file can be previewed, by its name; null when it can't. */
export function previewKind(file: SlackFile): Kind | null {
  const name = file.name ?? "";
  if (/\.(pcap|pcapng|cap)$/i.test(name)) return "pcap";
  if (/\.html?$/i.test(name)) return "html";
  return /\.(txt|md|json|log|csv|tsv|ya?ml)$/i.test(name) ? "text" : null;
}

async function load(kind: Kind, url: string, size: number): Promise<Loaded> {
  if (kind === "html" && size > TEXT_LIMIT) return { problem: "Too large to show here: download it." };
  const range: Record<string, string> = kind === "html" ? {} : { Range: `bytes=0-${FIRST_BYTES - 1}` };
  const answer = await fetch(url, { headers: range });
  if (!answer.ok) return { problem: "The file could not be read." };
  if (kind === "html") return { html: await answer.text() };
  if (kind === "text") return { text: (await answer.text()).slice(0, SHOWN_TEXT) };
  const found = packets(await answer.arrayBuffer());
  return found ? { packets: found } : { problem: "This is not a capture that can be listed here." };
}

/** A file's inside, loaded when it is asked for: a packet list, a page without scripts, or text. */
export function Preview({ file, url, kind }: { file: SlackFile; url: string; kind: Kind }) {
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const open = async (event: React.SyntheticEvent<HTMLDetailsElement>) => {
    if (!event.currentTarget.open || loaded) return;
    try {
      setLoaded(await load(kind, url, file.size ?? 0));
    } catch {
      setLoaded({ problem: "The workspace did not answer." });
    }
  };
  return (
    <details className="preview" data-testid={`preview-${file.id}`} onToggle={open}>
      <summary>{WORDS[kind]}</summary>
      {loaded ? <Shown file={file} loaded={loaded} /> : <p role="status">Loading…</p>}
    </details>
  );
}

function Shown({ file, loaded }: { file: SlackFile; loaded: Loaded }) {
  if ("problem" in loaded) return <p>{loaded.problem}</p>;
  if ("text" in loaded)
    return (
      <pre tabIndex={0} role="region" aria-label={`Start of ${file.name}`}>
        {loaded.text}
      </pre>
    );
  // No scripts, no forms, no same origin: what the page may do, a file from outside may not.
  if ("html" in loaded) return <iframe sandbox="" srcDoc={loaded.html} title={file.title ?? file.name} />;
  return <PacketList name={file.name ?? ""} list={loaded.packets} />;
}

function PacketList({ name, list }: { name: string; list: Packet[] }) {
  const start = list[0]?.seconds ?? 0;
  if (list.length === 0) return <p>No packets in this capture.</p>;
  return (
    <div className="packets" tabIndex={0} role="region" aria-label={`Packets of ${name}`}>
      <table>
        <caption>
          {list.length === 1 ? "One packet" : `First ${list.length} packets`}, from {new Date(start * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC
        </caption>
        <thead>
          <tr>
            <th scope="col" className="number">
              No.
            </th>
            <th scope="col" className="number">
              Time (s)
            </th>
            <th scope="col">Source</th>
            <th scope="col">Destination</th>
            <th scope="col">Protocol</th>
            <th scope="col" className="number">
              Length
            </th>
            <th scope="col">Info</th>
          </tr>
        </thead>
        <tbody>
          {list.map((packet) => (
            <tr key={packet.number}>
              <td className="number">{packet.number}</td>
              <td className="number">{(packet.seconds - start).toFixed(6)}</td>
              <td>{packet.from}</td>
              <td>{packet.to}</td>
              <td>{packet.protocol}</td>
              <td className="number">{packet.length}</td>
              <td>{packet.info}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
