/** WGSL files by name: the bundler puts them here, in the place of the package that reads them. */
declare const INLINED_SHADERS: Readonly<Record<string, string>>;

export const shaderSources = (): Readonly<Record<string, string>> => INLINED_SHADERS;
