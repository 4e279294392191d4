import { type ParseArgsConfig, parseArgs } from 'node:util';

/* What the scripts beside the suites are called with. A typing error must not pass for a test that found nothing. */

/** Ends the script with one line. */
export function refuse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** The options of a script, which has `--help` for its usage. */
export function optionsOf<const T extends ParseArgsConfig>(usage: string, config: T) {
  try {
    const parsed = parseArgs({ ...config, options: { ...config.options, help: { type: 'boolean' } } });
    if (!(parsed.values as { help?: boolean }).help) return parsed as ReturnType<typeof parseArgs<T>>;
  } catch (error) {
    refuse(`${(error as Error).message.split('. ')[0]}\n${usage}`);
  }
  process.stdout.write(`${usage}\n`);
  return process.exit(0);
}

/** The value of an option that takes a whole number. */
export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    refuse(`${name} takes a whole number, ${least} or more, not '${text}'`);
  return value;
}

/** The value of an option that takes a pattern. */
export function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    return refuse((error as Error).message);
  }
}
