// AssetStore: the static assets of versions: the content of files, each stored once, the sets of files that versions
// serve, and the sessions in which clients upload what is missing. A part of the catalog; what a set and a manifest
// look like is their makers' matter (src/assets).
//
// Story of an upload: a session is opened with the names of all files; those that the account has not uploaded before
// are missing → they arrive in any order, several at a time, each call durable when it returns → when none is missing
// any more, a set is made, and a version names it. Nothing that a session or a version names is removed; the rest is,
// some hours after it was last of use (`collect`).
//
// Threads: as the catalog it belongs to.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/audit.h"
#include "catalog/error.h"
#include "catalog/script.h"

namespace weir::catalog {

// What a client calls a file: equal for equal content and type, as far as one account is concerned.
using AssetHash = std::array<uint8_t, 16>;

struct NamedAsset {
  AssetHash hash{};
  uint64_t size = 0;
  auto operator<=>(const NamedAsset&) const = default;
};

// A file's content and type, once uploaded.
struct StoredAsset {
  AssetHash hash{};
  uint64_t content = 0;  // never used for another
  uint64_t size = 0;
  std::string type;  // empty: none is sent
};

struct UploadedAsset {
  AssetHash hash{};
  std::string type;
  Bytes content;
};

struct NewAssetSession {
  std::string account;
  std::string script;
  Bytes manifest;                 // kept as it is
  std::vector<NamedAsset> files;  // that the manifest names, each once
  Bytes key;                      // that its tokens are signed with
  UnixMs expiresMs = 0;
};

struct AssetSession {
  std::string id;
  std::string account;
  std::string script;
  Bytes manifest;
  Bytes key;
  UnixMs expiresMs = 0;
  bool complete = false;  // nothing is missing
  Actor openedBy;         // without an address
};

// Content is stored and read in pieces of this size; the last one is shorter.
inline constexpr size_t kAssetPieceBytes = 256 * 1024;
inline constexpr uint64_t kAssetPiecesMax = 256;
// Open sessions of one account; the oldest makes room.
inline constexpr size_t kAssetSessionsMax = 32;
// How long what nothing names is kept: longer than a session and what follows it.
inline constexpr std::chrono::hours kAssetGrace{4};

class AssetStore {
 public:
  virtual ~AssetStore() = default;

  struct Opened {
    std::string id;
    std::vector<NamedAsset> missing;
  };
  // kTooLarge when the account would keep more than its plan allows.
  virtual Result<Opened> openSession(const NewAssetSession& session) = 0;
  // kAssetSessionNotFound also when it has expired.
  virtual Result<AssetSession> findSession(std::string_view id) = 0;
  // Yields whether the session is complete now. kBadAsset when the session names none of this hash, or one of another
  // size; what was uploaded before is skipped.
  virtual Result<bool> addAssets(std::string_view session, const std::vector<UploadedAsset>& assets) = 0;

  // Those that the account has, in the order of `hashes`; kBadAsset when one is not there.
  virtual Result<std::vector<StoredAsset>> findAssets(std::string_view account,
                                                      const std::vector<AssetHash>& hashes) = 0;
  // Keeps a set of files; `contents` is what `files` names. Yields its number, the same for equal `files`.
  virtual Result<uint64_t> addSet(const Bytes& files, const std::vector<uint64_t>& contents) = 0;
  virtual Result<Bytes> set(uint64_t number) = 0;

  // Of a version; nullopt: it has none.
  virtual Result<std::optional<VersionAssets>> assetsOf(uint64_t version) = 0;

  // A piece of a content, from 0; kBadAsset when there is none.
  virtual Result<Bytes> piece(uint64_t content, uint32_t number) = 0;

  // Removes a part of what nothing needs. True: there may be more.
  virtual Result<bool> collect() = 0;

  struct Figures {
    uint64_t contents = 0;
    uint64_t bytes = 0;  // of contents, each once
    uint64_t sets = 0;
    uint64_t sessions = 0;
  };
  virtual Result<Figures> figures() = 0;
};

}  // namespace weir::catalog
