import { FileButton } from '../ui/file-button.tsx';
import { catalogue } from './catalogue.ts';
import {
  defaultExperiment,
  faultIn,
  IMAGES,
  importantOptions,
  modelOf,
  withoutDefaults,
} from './experiment.ts';
import type { Experiment, OwnImages } from './protocol.ts';

interface Props {
  readonly experiment: Experiment;
  readonly own: OwnImages | undefined;
  readonly onChange: (experiment: Experiment) => void;
  readonly onFiles: (files: File[]) => void;
  readonly onMnist: () => void;
  readonly scaling: Scaling;
  readonly onScaling: (scaling: Scaling) => void;
}

/** What becomes of images of one's own. */
export interface Scaling {
  readonly size: number;
  readonly channels: 1 | 3;
}

/** `freeBits` as people read it. */
const titleOf = (name: string) => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

/** What a run is made from. */
export function Settings(props: Props) {
  const { experiment, own, onChange, onFiles, onMnist, scaling, onScaling } = props;
  const model = modelOf(experiment.model)!;
  const { first, rest } = importantOptions(experiment.model);
  const set = (name: string, value: number | string) =>
    onChange({
      ...experiment,
      options: withoutDefaults(experiment.model, { ...experiment.options, [name]: value }),
    });
  const field = (name: string) => (
    <OptionField
      key={`${experiment.model} ${name}`}
      name={name}
      value={experiment.options[name] ?? model.defaults[name]!}
      onInput={(value) => set(name, value)}
    />
  );
  return (
    <fieldset>
      <legend class="visually-hidden">Settings of the next run</legend>
      <label class="field">
        <span>Model</span>
        <select
          id="model"
          value={experiment.model}
          onChange={(event) => {
            const { seed, images } = experiment;
            onChange({ ...defaultExperiment(event.currentTarget.value), seed, images });
          }}
        >
          {catalogue.models.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <p class="hint">{model.summary}</p>
      <div class="fields">
        {first.map(field)}
        <WholeField
          name="images"
          label="images"
          value={experiment.images}
          least={16}
          most={IMAGES}
          onInput={(images) => onChange({ ...experiment, images })}
        />
        <WholeField
          name="seed"
          label="seed"
          value={experiment.seed}
          least={0}
          most={2 ** 32 - 1}
          onInput={(seed) => onChange({ ...experiment, seed })}
        />
      </div>
      <details>
        <summary>All options</summary>
        <div class="fields">{rest.map(field)}</div>
      </details>
      <p class="hint">
        {own ? (
          <>
            Data: {own.name}, {own.shape[1]}×{own.shape[2]}.{' '}
            <button type="button" class="plain" onClick={onMnist}>
              Back to MNIST
            </button>
          </>
        ) : (
          'Data: the first 10,000 digits of MNIST, and 1,000 of its test set.'
        )}
      </p>
      <details class="data">
        <summary>Images of your own</summary>
        <p class="hint">
          Drop them, or their folder, anywhere on this page, or choose them. They are cropped to squares, and
          never leave your machine.
        </p>
        <div class="fields">
          <label class="field">
            <span>scaled to</span>
            <select
              value={String(scaling.size)}
              onChange={(event) => onScaling({ ...scaling, size: Number(event.currentTarget.value) })}
            >
              {[28, 32, 64].map((size) => (
                <option key={size} value={String(size)}>
                  {size}×{size}
                </option>
              ))}
            </select>
          </label>
          <label class="field">
            <span>as</span>
            <select
              value={String(scaling.channels)}
              onChange={(event) =>
                onScaling({ ...scaling, channels: event.currentTarget.value === '3' ? 3 : 1 })
              }
            >
              <option value="1">grey</option>
              <option value="3">colour</option>
            </select>
          </label>
        </div>
        <FileButton id="images" accept="image/*" onFiles={onFiles}>
          Choose images
        </FileButton>
      </details>
    </fieldset>
  );
}

function OptionField({
  name,
  value,
  onInput,
}: {
  name: string;
  value: number | string;
  onInput: (value: number | string) => void;
}) {
  const option = catalogue.options[name]!;
  const title = titleOf(name);
  if (option.kind === 'choice')
    return (
      <label class="field" title={option.help}>
        <span>{title}</span>
        <select name={name} value={String(value)} onChange={(event) => onInput(event.currentTarget.value)}>
          {option.choices.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      </label>
    );
  const fault = faultIn(name, value);
  return (
    <label class="field" title={option.help}>
      <span>{title}</span>
      <input
        type="number"
        name={name}
        step={option.kind === 'whole' ? 1 : 'any'}
        value={Number.isNaN(value) ? '' : value}
        aria-invalid={fault ? 'true' : undefined}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
      {fault && <span class="fault">{fault}</span>}
    </label>
  );
}

function WholeField({
  name,
  label,
  value,
  least,
  most,
  onInput,
}: {
  name: string;
  label: string;
  value: number;
  least: number;
  most: number;
  onInput: (value: number) => void;
}) {
  const isFine = Number.isSafeInteger(value) && value >= least && value <= most;
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="number"
        name={name}
        min={least}
        max={most}
        value={Number.isNaN(value) ? '' : value}
        aria-invalid={isFine ? undefined : 'true'}
        onInput={(event) => onInput(event.currentTarget.valueAsNumber)}
      />
      {!isFine && (
        <span class="fault">
          {least} to {most.toLocaleString('en')}
        </span>
      )}
    </label>
  );
}

/** Whether a run can start from these settings. */
export function isComplete({ model, options, seed, images }: Experiment): boolean {
  const whole = (value: number, least: number, most: number) =>
    Number.isSafeInteger(value) && value >= least && value <= most;
  const known = { ...modelOf(model)!.defaults, ...options };
  return (
    Object.entries(known).every(([name, value]) => faultIn(name, value) === undefined) &&
    whole(seed, 0, 2 ** 32 - 1) &&
    whole(images, 16, IMAGES)
  );
}
