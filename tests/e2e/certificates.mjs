// Certificates for tests, made by openssl when a test runs: an authority, and servers it vouches for, or does not.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export function makeAuthority() {
  const folder = mkdtempSync(join(tmpdir(), "weir-ca-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const at = (name) => join(folder, name);
  const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] });
  const newKey = (name) => openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", at(`${name}.key`));
  newKey("ca");
  openssl("req", "-x509", "-new", "-key", at("ca.key"), "-out", at("ca.pem"), "-days", "2", "-subj", "/CN=weir test authority",
    "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign");
  let serial = 1;
  return {
    file: at("ca.pem"),
    /** A server's { key, cert }. names: "DNS:a.example,IP:127.0.0.1"; days < 0: expired; selfSigned: by nobody else. */
    server(names, { days = 2, selfSigned = false } = {}) {
      const name = `server${serial++}`;
      newKey(name);
      writeFileSync(at(`${name}.ext`), `subjectAltName=${names}\n`);
      if (selfSigned) {
        openssl("req", "-x509", "-new", "-key", at(`${name}.key`), "-out", at(`${name}.pem`), "-days", "2", "-subj", "/CN=itself", "-addext", `subjectAltName=${names}`);
      } else {
        openssl("req", "-new", "-key", at(`${name}.key`), "-out", at(`${name}.csr`), "-subj", "/CN=server");
        const period = days < 0 ? ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"] : null;
        if (period) {
          writeFileSync(at("index.txt"), "");
          writeFileSync(at("ca.cnf"), `[ca]\ndefault_ca=d\n[d]\ndatabase=${at("index.txt")}\nnew_certs_dir=${folder}\nserial=${at("serial")}\ndefault_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n`);
          writeFileSync(at("serial"), "1000\n");
          openssl("ca", "-batch", "-config", at("ca.cnf"), "-in", at(`${name}.csr`), "-out", at(`${name}.pem`), "-cert", at("ca.pem"), "-keyfile", at("ca.key"),
            "-extfile", at(`${name}.ext`), "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", "-notext");
        } else {
          openssl("x509", "-req", "-in", at(`${name}.csr`), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-out", at(`${name}.pem`), "-days", String(days), "-extfile", at(`${name}.ext`));
        }
      }
      return { key: readFileSync(at(`${name}.key`)), cert: readFileSync(at(`${name}.pem`)) };
    },
  };
}
