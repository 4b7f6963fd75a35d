// A verifier of another make: checks a proof of `GET /api/v1/audit/{id}/proof` with nothing but Node.js. It shares no line with the program.
// Usage: node verify_proof.mjs proof.json [VERIFIER_KEY]. C2SP signed-note and tlog-checkpoint, RFC 6962 §2.1.1, RFC 8032.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const fail = (why) => { console.error(`bad: ${why}`); process.exit(1); };
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const node = (left, right) => sha256(Buffer.from([1]), left, right);

const proof = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [, name, hash, encoded] = (process.argv[3] ?? proof.verifier_key).match(/^([^+]+)\+([0-9a-f]{8})\+(.+)$/) ?? fail("verifier key");
const key = Buffer.from(encoded, "base64");
if (key.length !== 33 || key[0] !== 1) fail("not an Ed25519 key");
const keyId = sha256(Buffer.from(`${name}\n`), key).subarray(0, 4);
if (keyId.toString("hex") !== hash) fail("the key's hash");

const split = proof.checkpoint.lastIndexOf("\n\n");
const text = proof.checkpoint.slice(0, split + 1);
const line = proof.checkpoint.slice(split + 2).split("\n").find((l) => l.startsWith(`— ${name} `)) ?? fail("no signature under this name");
const signature = Buffer.from(line.slice(`— ${name} `.length), "base64");
if (!signature.subarray(0, 4).equals(keyId)) fail("signed by another key");
const publicKey = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: key.subarray(1).toString("base64url") } });
if (!verify(null, Buffer.from(text), publicKey, signature.subarray(4))) fail("the signature");

const [origin, size, root] = text.split("\n");
if (origin !== name) fail("the origin");
let [at, last] = [proof.leaf_index, Number(size) - 1];
if (at > last) fail("the index");
let is = sha256(Buffer.from([0]), Buffer.from(proof.leaf, "utf8"));
for (const sibling of proof.hashes.map((h) => Buffer.from(h, "base64"))) {
  if (last === 0) fail("too many hashes");
  if (at % 2 === 1 || at === last) {
    is = node(sibling, is);
    while (at % 2 === 0 && at !== 0) { at = Math.floor(at / 2); last = Math.floor(last / 2); }
  } else {
    is = node(is, sibling);
  }
  at = Math.floor(at / 2);
  last = Math.floor(last / 2);
}
if (last !== 0) fail("too few hashes");
if (is.toString("base64") !== root) fail("the root");
console.log(`good: ${JSON.parse(proof.leaf).id} is leaf ${proof.leaf_index} of ${size}`);
