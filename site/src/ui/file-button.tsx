import type { ComponentChildren } from 'preact';

/** What a run's files are called, for `accept`. */
export const RUN_FILES = '.zip,.safetensors,.json,.jsonl';

/** A button that opens files. */
export function FileButton({
  id,
  accept,
  single = false,
  disabled = false,
  onFiles,
  children,
}: {
  id: string;
  accept: string;
  /** Whether it takes one file only. */
  single?: boolean;
  disabled?: boolean;
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
}) {
  return (
    <label class="button file">
      {children}
      <input
        type="file"
        id={id}
        class="visually-hidden"
        accept={accept}
        multiple={!single}
        disabled={disabled}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          // Or the same file, mended, would be no change.
          currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </label>
  );
}
