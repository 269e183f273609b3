import { cloneElement, Fragment, isValidElement, type ReactNode } from "react";

import { type NamesIn, translated } from ".";

type TagsIn<Text> = Text extends `${string}</${infer Tag}>${infer Rest}`
  ? Tag | TagsIn<Rest>
  : never;

const PARTS = /<(\w+)>(.*?)<\/\1>|\{(\w+)\}/g;

/**
 * A sentence with elements in it, translated as a whole:
 * `rich("See <a>the log</a> of {name}.", { a: <Link to="/log" />, name })`. What stands between
 * the tags becomes the child of the element.
 */
export function rich<const Text extends string>(
  text: Text,
  parts: Record<TagsIn<Text> | NamesIn<Text>, ReactNode>,
): ReactNode {
  const known: Record<string, ReactNode> = parts;
  const said = translated(text);
  const pieces: ReactNode[] = [];
  let from = 0;
  for (const match of said.matchAll(PARTS)) {
    pieces.push(said.slice(from, match.index), shown(match, known));
    from = match.index + match[0].length;
  }
  pieces.push(said.slice(from));
  return pieces.map((piece, at) => <Fragment key={at}>{piece}</Fragment>);
}

function shown([whole, tag, inner = "", name]: RegExpExecArray, parts: Record<string, ReactNode>) {
  if (name !== undefined) return name in parts ? parts[name] : whole;
  const element = parts[tag ?? ""];
  return isValidElement(element) ? cloneElement(element, {}, withValues(inner, parts)) : whole;
}

/** Inside a tag only plain values stand. */
function withValues(text: string, parts: Record<string, ReactNode>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const part = parts[name];
    return typeof part === "string" || typeof part === "number" ? String(part) : whole;
  });
}
