// One version as an engine holds it: its modules and settings, and the image its isolates start from, mapped read-only.
#pragma once

#include <v8.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "js/modules.h"
#include "wire/bundle.h"
#include "wire/compatibility.h"
#include "wire/sealed_blob.h"

namespace weir::engine {

// What a check has made of a version: a heap snapshot, or its code caches (encodeCodeCaches).
struct StartImage {
  wire::StartSource source = wire::StartSource::kCompiled;  // kCompiled: there is none
  wire::BlobMapping blob;
  uint64_t hash = 0;  // what the bytes must have; 0: they are known to be whole
};

// Immutable but for what it learns of its image; shared by the isolates that run it and the table that knows it.
// Borrowed views stay valid while it lives.
class Version {
 public:
  // Null when the bundle does not decode.
  static std::shared_ptr<const Version> make(wire::VersionId id, wire::BlobMapping bundle, StartImage image);

  wire::VersionId id() const { return id_; }
  const wire::Bundle& bundle() const { return bundle_; }
  const wire::CompatibilitySet& compatibility() const { return compatibility_; }

  // What isolates start from. Reads an image with a hash through on the first call, which may wait for a disk: an image
  // that is torn, or that another V8 made, counts as none.
  wire::StartSource source() const;
  // Of an image that is a snapshot and whole, else null; the data lives as long as this version.
  const v8::StartupData* snapshot() const { return source() == wire::StartSource::kSnapshot ? &snapshot_ : nullptr; }
  // What it is made of, whatever it is.
  std::span<const std::byte> image() const { return image_.blob.bytes(); }
  std::vector<js::ModuleSource> sources() const;
  // Everything that its snapshot refers to by address: the base snapshot's (base_snapshot.h), then the code of its
  // modules, which V8 reads where it lies. Ended by 0; the same list when the snapshot is made and when it is used.
  const intptr_t* externalReferences() const { return references_.data(); }

  // From now on isolates start from the source.
  void distrustImage() const { distrusted_.store(true, std::memory_order_relaxed); }
  // An isolate has started: what it started from, image and code, need not stay in this process's memory. It is read
  // again where it is needed again.
  void release() const;

 private:
  Version() = default;

  wire::VersionId id_;
  wire::BlobMapping bundleBlob_;
  wire::Bundle bundle_;
  wire::CompatibilitySet compatibility_;
  std::vector<std::unique_ptr<js::BorrowedText>> texts_;  // of each module; null: it is not code, or not ASCII
  std::vector<intptr_t> references_;
  StartImage image_;
  v8::StartupData snapshot_{nullptr, 0};
  mutable std::once_flag checked_;
  mutable bool whole_ = false;
  mutable std::atomic<bool> distrusted_{false};
};

// Code caches of a version's modules as one blob, and back: name and bytes, repeated.
std::vector<uint8_t> encodeCodeCaches(const std::map<std::string, std::vector<uint8_t>>& caches);

}  // namespace weir::engine
