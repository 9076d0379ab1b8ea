import { isAlias, isMap, isScalar, isSeq, type Document, type LineCounter, type Node, type Pair } from 'yaml';

export type Path = readonly (string | number)[];

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** Where things stand in a YAML document: keys of the file to lines and columns. */
export class Positions {
  constructor(
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {}

  /** The position of the key at `path`, of the item in a list, or of the nearest thing around that exists. */
  of(path: Path): Position {
    let node = this.follow(this.document.contents);
    let start = 0;
    for (const part of path) {
      const step = this.step(node, part);
      if (step === undefined) break;
      start = step.start ?? start;
      node = this.follow(step.node);
    }
    return this.at(start);
  }

  /** The node of the value at `path`; undefined when there is none. */
  node(path: Path): Node | undefined {
    let node = this.follow(this.document.contents);
    for (const part of path) node = this.follow(this.step(node, part)?.node);
    return node;
  }

  at(offset: number): Position {
    const { line, col } = this.lines.linePos(offset);
    // A file without a line break has no line 0.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  private step(
    node: Node | undefined,
    part: string | number,
  ): { node: Node | undefined; start: number | undefined } | undefined {
    if (isSeq(node)) {
      const item = node.items[Number(part)] as Node | undefined;
      return item === undefined ? undefined : { node: item, start: item.range?.[0] };
    }
    const pair = this.pair(node, String(part));
    return pair === undefined ? undefined : { node: pair.value ?? undefined, start: pair.key.range?.[0] };
  }

  private pair(node: Node | undefined, key: string): Pair<Node, Node | null> | undefined {
    if (!isMap<Node, Node | null>(node)) return undefined;
    const own = node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
    if (own !== undefined) return own;
    // `<<: *anchor` or `<<: [*a, *b]`: the key stands where the anchor is.
    for (const { key: merge, value } of node.items) {
      if (!isScalar(merge) || merge.source !== '<<') continue;
      const source = this.follow(value ?? undefined);
      const sources = isSeq(source) ? source.items.map((item) => this.follow(item as Node)) : [source];
      const pair = sources.map((item) => this.pair(item, key)).find((found) => found !== undefined);
      if (pair !== undefined) return pair;
    }
    return undefined;
  }

  private follow(node: Node | null | undefined): Node | undefined {
    return isAlias(node) ? this.follow(node.resolve(this.document)) : (node ?? undefined);
  }
}

/** `services.backend.port`, `hosts[0]`, `expect.json["$.status"]`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[\w-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}
