import { Picture } from "./Picture";
import { Preview, previewKind } from "./Preview";
import type { SlackFile } from "./types";

export function size(bytes = 0): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The same file on the host name that this page was opened by: the session is bound to it. */
export function here(url: string | undefined): string | undefined {
  return url && new URL(url, location.href).pathname;
}

/** One file of a message: a preview when it is a picture, and always the way to download it. */
export function FileView({ file }: { file: SlackFile }) {
  if (file.mode === "tombstone") return <p className="file gone">This file was deleted.</p>;
  const picture = file.mimetype?.startsWith("image/") && !file.mimetype.includes("svg");
  const [url, kind] = [here(file.url_private), previewKind(file)];
  return (
    <figure className="file" aria-label={file.title || file.name}>
      {picture && url && <Picture url={url} alt={file.alt_txt || file.title || file.name || ""} name={file.title || file.name || ""} />}
      <figcaption>
        <span className="icon" aria-hidden="true">
          {file.name?.split(".").at(-1)?.slice(0, 4)}
        </span>
        <span className="names">
          <b>{file.title}</b>
          <small>
            {file.title === file.name ? "" : `${file.name} · `}
            {size(file.size)}
          </small>
        </span>
        <a data-testid={`file-${file.id}`} href={here(file.url_private_download)} download={file.name}>
          Download<span className="unseen"> {file.name}</span>
        </a>
      </figcaption>
      {url && kind && <Preview file={file} url={url} kind={kind} />}
    </figure>
  );
}
