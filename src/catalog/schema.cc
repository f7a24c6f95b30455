#include "catalog/schema.h"

namespace weir::catalog {

namespace {

// Times are milliseconds since 1970. `changes` tells other processes, and the routing of this one, what to read anew.
constexpr const char* kFirst = R"sql(
CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  plan INTEGER NOT NULL,
  suspended INTEGER NOT NULL DEFAULT 0,
  subdomain TEXT UNIQUE,
  created INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE account_limits (
  account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) WITHOUT ROWID;

CREATE TABLE scripts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL REFERENCES accounts,
  name TEXT NOT NULL,
  disabled INTEGER NOT NULL DEFAULT 0,
  workers_dev INTEGER NOT NULL DEFAULT 1,
  previews INTEGER NOT NULL DEFAULT 0,
  settings TEXT NOT NULL DEFAULT '{}',
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  UNIQUE (account, name)
);

-- Content by its SHA-256, stored once.
CREATE TABLE blobs (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  content BLOB NOT NULL
);

-- `number` is the version's name inside the platform; AUTOINCREMENT never gives one out twice.
CREATE TABLE versions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  script INTEGER NOT NULL REFERENCES scripts ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  created INTEGER NOT NULL,
  source TEXT NOT NULL,
  author TEXT NOT NULL,
  annotations TEXT NOT NULL,
  syntax INTEGER NOT NULL,
  compatibility_date TEXT NOT NULL,
  compatibility_flags TEXT NOT NULL,
  bindings TEXT NOT NULL,
  limits TEXT NOT NULL,
  etag TEXT NOT NULL,
  start_kind INTEGER NOT NULL,
  start_reason TEXT NOT NULL,
  startup_ms INTEGER NOT NULL,
  handlers TEXT NOT NULL,
  UNIQUE (script, sequence)
);

CREATE TABLE version_modules (
  version INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  blob INTEGER NOT NULL REFERENCES blobs,
  PRIMARY KEY (version, position)
) WITHOUT ROWID;
CREATE INDEX version_modules_blob ON version_modules (blob);

CREATE TABLE version_artifacts (
  version INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
  kind INTEGER NOT NULL,
  blob INTEGER NOT NULL REFERENCES blobs,
  PRIMARY KEY (version, kind)
) WITHOUT ROWID;
CREATE INDEX version_artifacts_blob ON version_artifacts (blob);

CREATE TABLE version_secrets (
  version INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (version, name)
) WITHOUT ROWID;

CREATE TABLE deployments (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  script INTEGER NOT NULL REFERENCES scripts ON DELETE CASCADE,
  created INTEGER NOT NULL,
  source TEXT NOT NULL,
  author TEXT NOT NULL,
  strategy TEXT NOT NULL,
  annotations TEXT NOT NULL
);
CREATE INDEX deployments_script ON deployments (script, number);

CREATE TABLE deployment_versions (
  deployment INTEGER NOT NULL REFERENCES deployments ON DELETE CASCADE,
  position INTEGER NOT NULL,
  version INTEGER NOT NULL REFERENCES versions,
  share INTEGER NOT NULL,
  PRIMARY KEY (deployment, position)
) WITHOUT ROWID;
CREATE INDEX deployment_versions_version ON deployment_versions (version);

CREATE TABLE schedules (
  script INTEGER NOT NULL REFERENCES scripts ON DELETE CASCADE,
  cron TEXT NOT NULL,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  PRIMARY KEY (script, cron)
) WITHOUT ROWID;

CREATE TABLE zones (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts,
  name TEXT NOT NULL UNIQUE,
  origin TEXT,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX zones_account ON zones (account);

-- A route names its script, which may come later: scripts of a configuration file are not in this catalog.
CREATE TABLE routes (
  id TEXT PRIMARY KEY,
  zone TEXT NOT NULL REFERENCES zones ON DELETE CASCADE,
  pattern TEXT NOT NULL,
  script TEXT,
  fail_open INTEGER NOT NULL,
  UNIQUE (zone, pattern)
) WITHOUT ROWID;
CREATE INDEX routes_script ON routes (script) WHERE script IS NOT NULL;

CREATE TABLE domains (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts,
  hostname TEXT NOT NULL UNIQUE,
  script TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  previews INTEGER NOT NULL,
  created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX domains_account ON domains (account, script);

CREATE TABLE changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind INTEGER NOT NULL,
  key TEXT NOT NULL
);

CREATE TABLE usage (
  account TEXT PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
  day INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  burst BLOB NOT NULL,
  saved INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

// Who may ask, who has changed what, and which key secrets are sealed with.
constexpr const char* kVault = R"sql(
-- What is so of the catalog as a whole.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

-- `hash` is the SHA-256 of a token's text. No account: every account; no scripts: all of them, else a JSON array.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  name TEXT NOT NULL,
  account TEXT REFERENCES accounts ON DELETE CASCADE,
  access INTEGER NOT NULL,
  scripts TEXT,
  created INTEGER NOT NULL,
  expires INTEGER,
  used INTEGER,
  used_from TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX tokens_account ON tokens (account);

-- `account` references nothing: what was done to an account outlives it.
CREATE TABLE audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  account TEXT,
  actor_kind INTEGER NOT NULL,
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  via TEXT NOT NULL,
  address TEXT NOT NULL,
  action TEXT NOT NULL,
  resource TEXT NOT NULL,
  name TEXT NOT NULL,
  detail TEXT NOT NULL
);
CREATE INDEX audit_account ON audit (account, number);
CREATE INDEX audit_at ON audit (at);
)sql";

// Static assets (asset_store.h).
constexpr const char* kAssets = R"sql(
-- Content by its SHA-256, stored once; AUTOINCREMENT never gives a number out twice.
CREATE TABLE asset_contents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE,
  size INTEGER NOT NULL
);

-- `id` is content * 256 + number of the piece.
CREATE TABLE asset_pieces (
  id INTEGER PRIMARY KEY,
  bytes BLOB NOT NULL
);

-- What an account has uploaded, by the name its clients have for it.
CREATE TABLE asset_names (
  account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  hash BLOB NOT NULL,
  content INTEGER NOT NULL REFERENCES asset_contents,
  type TEXT NOT NULL,
  seen INTEGER NOT NULL,
  PRIMARY KEY (account, hash)
) WITHOUT ROWID;
CREATE INDEX asset_names_content ON asset_names (content);

-- `files` is a table of paths, by its SHA-256.
CREATE TABLE asset_sets (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  hash BLOB NOT NULL UNIQUE,
  seen INTEGER NOT NULL,
  files BLOB NOT NULL
);

CREATE TABLE asset_set_contents (
  asset_set INTEGER NOT NULL REFERENCES asset_sets ON DELETE CASCADE,
  content INTEGER NOT NULL REFERENCES asset_contents,
  PRIMARY KEY (asset_set, content)
) WITHOUT ROWID;
CREATE INDEX asset_set_contents_content ON asset_set_contents (content);

CREATE TABLE version_assets (
  version INTEGER PRIMARY KEY REFERENCES versions ON DELETE CASCADE,
  asset_set INTEGER NOT NULL REFERENCES asset_sets,
  config TEXT NOT NULL
);
CREATE INDEX version_assets_set ON version_assets (asset_set);

CREATE TABLE asset_sessions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
  script TEXT NOT NULL,
  key BLOB NOT NULL,
  expires INTEGER NOT NULL,
  manifest BLOB NOT NULL
);
CREATE INDEX asset_sessions_account ON asset_sessions (account, number);

CREATE TABLE asset_session_missing (
  session INTEGER NOT NULL REFERENCES asset_sessions ON DELETE CASCADE,
  hash BLOB NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (session, hash)
) WITHOUT ROWID;
)sql";

// Names that clients give to previews of versions.
constexpr const char* kAliases = R"sql(
-- The one that was set last has the highest number.
CREATE TABLE version_aliases (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  script INTEGER NOT NULL REFERENCES scripts ON DELETE CASCADE,
  name TEXT NOT NULL,
  version INTEGER NOT NULL REFERENCES versions ON DELETE CASCADE,
  UNIQUE (script, name)
);
CREATE INDEX version_aliases_version ON version_aliases (version);
)sql";

// Who has opened a session, and so makes the uploads that its token stands for.
constexpr const char* kAssetActors = R"sql(
ALTER TABLE asset_sessions ADD COLUMN actor_kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE asset_sessions ADD COLUMN actor TEXT NOT NULL DEFAULT '';
ALTER TABLE asset_sessions ADD COLUMN actor_name TEXT NOT NULL DEFAULT '';
ALTER TABLE asset_sessions ADD COLUMN via TEXT NOT NULL DEFAULT '';
)sql";

constexpr store::Migration kSteps[] = {
    {"catalog", kFirst}, {"vault", kVault}, {"assets", kAssets}, {"aliases", kAliases}, {"asset_actors", kAssetActors},
};

}  // namespace

std::span<const store::Migration> schemaSteps() { return kSteps; }

}  // namespace weir::catalog
