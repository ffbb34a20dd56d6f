import { size } from "./FileView";
import { Icon } from "./Icon";

/** The plus that opens the browser's file dialog. */
export function Attach({ testid, onFiles }: { testid: string; onFiles: (files: FileList | null) => void }) {
  return (
    <label className="attach" title="Attach files">
      <Icon name="plus" />
      <input
        type="file"
        multiple
        aria-label="Attach files"
        data-testid={testid}
        onChange={(event) => {
          onFiles(event.target.files);
          event.target.value = "";
        }}
      />
    </label>
  );
}

/** Files that go with the next message. */
export function Chips({ files, onRemove }: { files: File[]; onRemove: (file: File) => void }) {
  if (files.length === 0) return null;
  return (
    <ul className="attached" aria-label="Attached files">
      {files.map((file, at) => (
        <li key={`${at}${file.name}`}>
          <b>{file.name}</b> <small>{size(file.size)}</small>
          <button type="button" className="quiet" aria-label={`Remove ${file.name}`} onClick={() => onRemove(file)}>
            <Icon name="close" size={14} />
          </button>
        </li>
      ))}
    </ul>
  );
}
