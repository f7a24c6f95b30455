// One version as an engine holds it: its modules and settings, mapped read-only from sealed blobs.
#pragma once

#include <v8.h>

#include <memory>
#include <vector>

#include "js/modules.h"
#include "wire/bundle.h"
#include "wire/compatibility.h"
#include "wire/sealed_blob.h"

namespace weir::engine {

// Immutable; shared by the isolates that run it and the table that knows it. Borrowed views stay valid while it lives.
class Version {
 public:
  // Null when the bundle does not decode. `snapshot` and `codeCache` may be empty mappings.
  static std::shared_ptr<const Version> make(wire::VersionId id, wire::BlobMapping bundle, wire::BlobMapping snapshot,
                                             wire::BlobMapping codeCache);

  wire::VersionId id() const { return id_; }
  const wire::Bundle& bundle() const { return bundle_; }
  const wire::CompatibilitySet& compatibility() const { return compatibility_; }
  // Null when there is none; the data lives as long as this version.
  const v8::StartupData* snapshot() const { return snapshot_.raw_size > 0 ? &snapshot_ : nullptr; }
  bool hasCodeCache() const { return !codeCache_.bytes().empty(); }

  std::vector<js::ModuleSource> sources() const;

 private:
  Version() = default;

  wire::VersionId id_;
  wire::BlobMapping bundleBlob_;
  wire::BlobMapping snapshotBlob_;
  wire::BlobMapping codeCache_;
  wire::Bundle bundle_;
  wire::CompatibilitySet compatibility_;
  v8::StartupData snapshot_{nullptr, 0};
};

// Code caches of a version's modules as one blob, and back: name and bytes, repeated.
std::vector<uint8_t> encodeCodeCaches(const std::map<std::string, std::vector<uint8_t>>& caches);

}  // namespace weir::engine
