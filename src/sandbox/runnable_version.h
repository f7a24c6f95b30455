// One version as loops route to it and engines are given it. Shared by the routes that name it and the invocations that
// run it. Immutable, but that each loop keeps its own placement here, that it may be loaded when it is first wanted,
// and that its check may end while it serves.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "sandbox/placement.h"
#include "sandbox/quarantine.h"
#include "sandbox/version_check.h"
#include "sandbox/version_store.h"
#include "wire/bundle.h"
#include "wire/compatibility.h"
#include "wire/descriptor.h"
#include "wire/message.h"

namespace weir::assets {
class Site;
}

namespace weir::sandbox {

// Who answers a service binding: a script of the same account, by its default export or a named one.
struct ServiceTarget {
  std::string script;
  std::string entrypoint;  // empty: the default export
  bool ownAssets = false;  // instead: the static assets of the version itself
  std::string props = {};  // JSON of what the entrypoint gets as ctx.props; empty: nothing
};

// Null until it is set, by any thread, once; others may look meanwhile.
template <class T>
class SetOnce {
 public:
  const T* get() const { return pointer_.load(std::memory_order_acquire); }
  explicit operator bool() const { return get() != nullptr; }
  const T* operator->() const { return get(); }
  const T& operator*() const { return *get(); }
  void set(T value) const {
    CHECK(owner_ == nullptr);
    owner_ = std::make_unique<const T>(std::move(value));
    pointer_.store(owner_.get(), std::memory_order_release);
  }

 private:
  mutable std::unique_ptr<const T> owner_;
  mutable std::atomic<const T*> pointer_{nullptr};
};

// What of a version is in memory only while it is used.
struct VersionContent {
  wire::VersionLimits limits;                // as in the bundle; the platform keeps waitUntilMs and scheduledMs itself
  wire::CompatibilitySet compatibility;      // likewise: of use here where the platform itself behaves by it
  wire::Descriptor bundleBlob;               // sealed
  std::vector<ServiceTarget> services;       // by the number of the binding, from 1
  std::vector<std::string> rateSpaces = {};  // likewise: what rate limit bindings count in, `namespace_id`
  std::shared_ptr<const assets::Site> site = nullptr;  // its static assets; null: it has none
  bool runs = true;                                    // false: it has assets and no code
  std::string id = {};                                 // UUID text, where the version was asked for by less
};

struct RunnableVersion {
  wire::VersionId number;
  std::string account;  // id
  std::string script;
  std::string id;       // UUID text, for traces; or eight digits of it (a preview), until it is loaded
  uint64_t stored = 0;  // its number in the catalog; 0: it is configured
  bool hasAssets = false;

  // Null: somebody has to load it before it can run.
  SetOnce<VersionContent> content;

  // What its check found out. Until then it starts from its source, as it does when there is no image.
  SetOnce<StoredImage> image;
  SetOnce<StartRefusal> refusal;  // it failed: no engine is asked to run it

  const std::string& wholeId() const { return content && !content->id.empty() ? content->id : id; }

  // Where it runs: engine slots by preference, unless its script is confined to one.
  std::vector<uint8_t> slots;
  std::shared_ptr<const ScriptHome> home;  // null: never confined
  static constexpr size_t kHeldBytesMax = 64u
                                          << 20;  // of bodies that its scripts' calls to each other keep, in one loop
  struct alignas(64) LoopPlacement {
    Placement placement;
    base::ByteBudget held{kHeldBytesMax};
    std::atomic<int64_t> usedNs{0};  // when an invocation last began; others read it
  };
  std::unique_ptr<LoopPlacement[]> placements;  // by loop; touched by that loop alone
  Placement& placement(uint32_t loop) const { return placements[loop].placement; }
  base::ByteBudget& heldBytes(uint32_t loop) const { return placements[loop].held; }
  void markUsed(uint32_t loop, base::Instant now) const {
    placements[loop].usedNs.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
};

}  // namespace weir::sandbox
