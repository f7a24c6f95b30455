// Script: a named Worker of an account, its versions, and the deployment that says which of them serve. Values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/account.h"

namespace weir::catalog {

using Bytes = std::vector<std::byte>;

struct Script {
  std::string account;
  std::string name;
  bool disabled = false;   // by the operator: page 1103
  bool workersDev = true;  // answers at NAME.SUBDOMAIN.workers.dev
  bool previews = false;
  std::string settings = "{}";  // what is not versioned, as JSON: logpush, tail consumers, observability, tags
  UnixMs createdMs = 0;
  UnixMs modifiedMs = 0;
};

// What is set is changed.
struct ScriptChange {
  std::optional<bool> disabled;
  std::optional<bool> workersDev;
  std::optional<bool> previews;
  std::optional<std::string> settings;
};

enum class ModuleKind : uint8_t {
  kEsModule = 0,
  kText = 1,
  kData = 2,
  kJson = 3,
  kWasm = 4,
  kSourceMap = 5,
  kPython = 6,
  kCommonJs = 7
};

struct Module {
  std::string name;
  ModuleKind kind = ModuleKind::kEsModule;
  std::string contentType;  // as uploaded
  Bytes content;
};

// Named, encrypted by whoever holds the key (`key` says which); the catalog never sees the text.
struct SealedSecret {
  std::string name;
  std::string key;
  Bytes sealed;
};

enum class VersionSyntax : uint8_t { kEsModules = 0, kServiceWorker = 1 };

// How isolates of a version start: found out when it was checked, with the reason where it is not the best one.
enum class StartKind : uint8_t { kUnknown = 0, kHeapSnapshot = 1, kCodeCache = 2, kCompiled = 3 };

// The static assets of a version.
struct VersionAssets {
  uint64_t set = 0;           // its files: AssetStore
  std::string config = "{}";  // JSON, as uploaded
};

struct StartCheck {
  StartKind kind = StartKind::kUnknown;
  std::string reason;           // why no heap snapshot
  uint32_t startupMs = 0;       // CPU of the top-level scope
  std::string handlers = "[]";  // JSON: the handlers and entrypoints it exports
};

// Everything of a version but its modules and secrets.
struct Version {
  uint64_t number = 0;    // unique in this catalog, never used again
  std::string id;         // UUID
  std::string script;     // name
  uint32_t sequence = 0;  // 1 is the script's first
  UnixMs createdMs = 0;
  std::string source;  // "wrangler", "api", …
  std::string author;
  std::string annotations = "{}";  // JSON
  VersionSyntax syntax = VersionSyntax::kEsModules;
  std::string compatibilityDate;
  std::string compatibilityFlags;  // separated by commas
  std::string bindings = "[]";     // JSON, as uploaded, without the values of secrets
  std::string limits = "{}";       // JSON, as uploaded
  std::string etag;                // hex; equal for equal content
  StartCheck check;
  bool hasAssets = false;
};

// Made at upload, once everything was validated.
struct NewVersion {
  std::string account;
  std::string script;  // made when there is none of the name
  std::string source;
  std::string author;
  std::string annotations = "{}";
  VersionSyntax syntax = VersionSyntax::kEsModules;
  std::string compatibilityDate;
  std::string compatibilityFlags;
  std::string bindings = "[]";
  std::string limits = "{}";
  std::string etag;
  StartCheck check;
  std::string alias = {};       // its preview is also asked for by this name, as isAlias() has it; empty: by none
  std::vector<Module> modules;  // the first is the main module; none: it has assets and nothing else
  std::optional<VersionAssets> assets;
  std::vector<SealedSecret> secrets;
  Bytes heapSnapshot;                   // empty: none
  Bytes codeCache;                      // empty: none
  std::optional<std::string> settings;  // of the script from then on (Script::settings)
  // The version that was newest when this one was made from it; kConcurrentChange when it no longer is. Empty string:
  // the script had no version.
  std::optional<std::string> expectedNewest;
};

enum class Artifact : uint8_t { kHeapSnapshot = 1, kCodeCache = 2 };

// Shares are in hundredths of a percent and add up to kWholeShare.
inline constexpr uint32_t kWholeShare = 10'000;
inline constexpr size_t kDeployedVersionsMax = 8;

struct DeployedShare {
  std::string version;  // id
  uint32_t share = kWholeShare;
};

struct Deployment {
  std::string id;  // UUID
  UnixMs createdMs = 0;
  std::string source;
  std::string author;
  std::string strategy = "percentage";
  std::string annotations = "{}";
  std::vector<DeployedShare> versions;
};

struct NewDeployment {
  std::string source;
  std::string author;
  std::string annotations = "{}";
  std::vector<DeployedShare> versions;
};

struct Schedule {
  std::string cron;
  UnixMs createdMs = 0;
  UnixMs modifiedMs = 0;
};

// Whether a preview may be asked for by this name: it goes before the script's in a host name.
bool isAlias(std::string_view name);

// What of a script's history is kept: the newest of each, and every version that a kept deployment or alias names.
inline constexpr size_t kVersionsKeptMax = 100;
inline constexpr size_t kAliasesKeptMax = 100;
inline constexpr size_t kDeploymentsKeptMax = 100;

}  // namespace weir::catalog
