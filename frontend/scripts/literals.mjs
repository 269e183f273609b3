// What a source says to a person: the texts that go through the catalogue, and the literals that
// should. A literal is a text when it stands where texts stand (between tags, in a label, in a
// title) or when it reads like one: a capitalised word, or several words.
import ts from "typescript";

const K = ts.SyntaxKind;
const SAYING = new Set(["t", "said", "plural", "rich"]);
/** Names, signs and codes that are the same in every language. */
const SAME = new Set(
  ["ScanHub", "DICOM", "Pulseq", "SAR", "PNS", "OK", "Bearer {}", "Hz", "mT/m", "T/m/s"].concat(
    ["'DERIVED' in values(tags.ImageType)", '{ "name": value }', "11px {}", "Gx", "Gy", "Gz"],
    ["upload {}", "gate {}", "Canceled", "route", "index.html has no #root"],
    ["scanhub simulate-device --url {} --credentials device_credentials.json"],
  ),
);

const TEXT_PLACES = new Set(
  `aria-label aria-description aria-valuetext title label placeholder alt description safe words
  help hint note action message error heading caption empty question text word summary detail
  nothingFoundMessage`.split(/\s+/),
);
const OTHER_PLACES = new Set(
  `className type variant size color id to rel key role d viewBox htmlFor autoComplete target width
  height fill stroke position shadow radius display align justify gap scope inputMode wrap method
  style lang dir aria-live aria-controls aria-labelledby aria-describedby transform points
  component accept value defaultValue kind code path queryKey transition font fontFamily animation
  background border pattern gridTemplateColumns timeZone weekday Authorization`.split(/\s+/),
);
/** Calls whose texts are for the machine. */
const MACHINE_CALLS = new Set(
  `Symbol includes startsWith endsWith split getItem setItem removeItem querySelector
  querySelectorAll addEventListener removeEventListener RegExp getAttribute setAttribute
  getElementById createElement URL import createFileRoute replace replaceAll indexOf localeCompare
  Set Map register watch setValue test match Collator get has set CustomEvent Event KeyboardEvent
  setProperty getContext fetch BroadcastChannel GET POST PUT DELETE PATCH toLocaleString`.split(
    /\s+/,
  ),
);
const NAMED_FIELDS = /Input|input|Select|Textarea|Checkbox|Radio|form|Switch/;
const PASSED_ON = new Set([
  K.BarBarToken,
  K.QuestionQuestionToken,
  K.AmpersandAmpersandToken,
  K.PlusToken,
]);

const parse = (file, source) =>
  ts.createSourceFile(
    file,
    source,
    ts.ScriptTarget.Latest,
    true,
    file.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );
const lineOf = (node) =>
  node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;

function walk(node, visit) {
  if (visit(node) === false) return;
  ts.forEachChild(node, (child) => walk(child, visit));
}

function plainText(node) {
  return ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) ? node.text : null;
}

function literalText(node) {
  if (!ts.isTemplateExpression(node)) return plainText(node);
  return node.head.text + node.templateSpans.map(({ literal }) => `{}${literal.text}`).join("");
}

/** Each text that a source says by t(), said(), plural() and rich(), by its key. */
export function saidIn(file, source) {
  const found = [];
  walk(parse(file, source), (node) => {
    if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return;
    if (SAYING.has(node.expression.text)) found.push(...sayings(node));
  });
  return found;
}

function sayings(call) {
  const how = call.expression.text;
  const line = lineOf(call);
  const [first, second, third] = call.arguments.map(plainText);
  if (how === "said" && first && second)
    return [{ key: `${first}: ${second}`, forms: false, line }];
  if (how === "plural" && second && third) return [{ key: third, forms: true, line }];
  if ((how === "t" || how === "rich") && first) return [{ key: first, forms: false, line }];
  return [{ line, problem: `${how}() takes literal texts, so that they are found` }];
}

/** Each literal of a source that a person reads and that goes through no catalogue. */
export function literalsIn(file, source) {
  const found = [];
  const note = (node, text) =>
    found.push({ text: text.trim().replace(/\s+/g, " "), line: lineOf(node) });
  walk(parse(file, source), (node) => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return false;
    if (ts.isJsxText(node)) {
      if (hasWords(node.text) && !SAME.has(node.text.trim())) note(node, node.text);
      return undefined;
    }
    const text = literalText(node);
    if (text !== null && isText(node, text)) note(node, text);
    return undefined;
  });
  return found;
}

const hasWords = (text) => /\p{L}{2,}/u.test(text.replaceAll("{}", ""));

function isText(node, text) {
  if (SAME.has(text.trim()) || !hasWords(text)) return false;
  const place = placeOf(node);
  if (place === "machine") return false;
  if (place === "unknown") return readsLikeText(text.replaceAll("{}", "¤"));
  return !/^(--|var\(|\/|#)/.test(text) && !/^[a-z]+(-[a-z]+)+$/.test(text);
}

/** A capitalised word, or words with a space between; no path, code or style. */
function readsLikeText(text) {
  if (/^(var\(|\.|\/|#|@|--|https?:|data:|M\d)/.test(text)) return false;
  if (/\b(px|solid|ease|rgba?|minmax|1fr|calc)\b/.test(text)) return false;
  if (/^[A-Z][a-z]+( |$|[.,:!?…’])/.test(text)) return true;
  return !/[{}=<>;]/.test(text) && /[\p{L}¤,.:)”’] +\p{L}{2,}|\p{L}{2,} [\p{L}¤(“]/u.test(text);
}

/** Where a literal goes: `text`, `machine`, or `unknown`. */
function placeOf(node) {
  let child = node;
  for (let parent = node.parent; parent; child = parent, parent = parent.parent) {
    const place = placeIn(parent, child);
    if (place) return place;
  }
  return "unknown";
}

function placeIn(parent, child) {
  if (ts.isConditionalExpression(parent)) return child === parent.condition ? "machine" : null;
  if (ts.isBinaryExpression(parent)) return placeInBinary(parent);
  if (ts.isJsxAttribute(parent)) return placeInAttribute(parent);
  if (ts.isJsxExpression(parent)) return ts.isJsxAttribute(parent.parent) ? null : "text";
  if (ts.isPropertyAssignment(parent))
    return child === parent.name ? "machine" : byName(nameOf(parent));
  if (ts.isCallExpression(parent) || ts.isNewExpression(parent)) return placeInCall(parent, child);
  if (isMachine(parent, child)) return "machine";
  return isWrapping(parent) ? null : "unknown";
}

const isWrapping = (node) =>
  ts.isParenthesizedExpression(node) ||
  ts.isAsExpression(node) ||
  ts.isSatisfiesExpression(node) ||
  ts.isNonNullExpression(node) ||
  ts.isArrayLiteralExpression(node) ||
  ts.isTemplateSpan(node) ||
  ts.isTemplateExpression(node);

const isMachine = (parent, child) =>
  isQueryKey(parent) ||
  ts.isImportDeclaration(parent) ||
  ts.isExportDeclaration(parent) ||
  ts.isElementAccessExpression(parent) ||
  ts.isCaseClause(parent) ||
  ts.isExpressionStatement(parent) ||
  (ts.isBindingElement(parent) && parent.propertyName === child);

/** Lists of words in src/api are keys of queries. */
const isQueryKey = (node) =>
  ts.isArrayLiteralExpression(node) && /(^|\/)api\//.test(node.getSourceFile().fileName);

function placeInBinary({ operatorToken: { kind } }) {
  if (PASSED_ON.has(kind)) return null;
  return kind === K.EqualsToken || kind === K.PlusEqualsToken ? "unknown" : "machine";
}

function placeInAttribute(attribute) {
  const name = attribute.name.getText();
  if (name.startsWith("data-")) return "machine";
  if (name === "name")
    return NAMED_FIELDS.test(attribute.parent.parent.tagName.getText()) ? "machine" : "unknown";
  return byName(name);
}

const nameOf = ({ name }) => name.getText().replace(/["']/g, "");

function byName(name) {
  if (TEXT_PLACES.has(name)) return "text";
  return OTHER_PLACES.has(name) || name.startsWith("1.2.840.") ? "machine" : "unknown";
}

function placeInCall(call, child) {
  const { expression } = call;
  if (child === expression) return "machine";
  const name = ts.isPropertyAccessExpression(expression)
    ? expression.name.text
    : expression.getText();
  return SAYING.has(name) || MACHINE_CALLS.has(name) ? "machine" : "unknown";
}
