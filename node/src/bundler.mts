// The same module, so that there is one copy of every class and of all state.
export * from "./bundler.js";
