// One version as loops route to it and engines are given it. Shared by the routes that name it and the invocations that
// run it. Immutable, but that each loop keeps its own placement here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/byte_budget.h"
#include "sandbox/placement.h"
#include "sandbox/quarantine.h"
#include "wire/bundle.h"
#include "wire/descriptor.h"
#include "wire/message.h"

namespace weir::sandbox {

// Who answers a service binding: a script of the same account, by its default export or a named one.
struct ServiceTarget {
  std::string script;
  std::string entrypoint;  // empty: the default export
};

struct RunnableVersion {
  wire::VersionId number;
  std::string script;
  std::string id;               // UUID text, for traces
  wire::VersionLimits limits;   // as in the bundle; the platform keeps waitUntilMs itself
  wire::Descriptor bundleBlob;  // sealed

  std::vector<ServiceTarget> services;  // by the number of the binding, from 1

  // Where it runs: engine slots by preference, unless its script is confined to one.
  std::vector<uint8_t> slots;
  std::shared_ptr<const ScriptHome> home;  // null: never confined
  static constexpr size_t kHeldBytesMax = 64u << 20;  // of bodies that its scripts' calls to each other keep, in one loop
  struct alignas(64) LoopPlacement {
    Placement placement;
    base::ByteBudget held{kHeldBytesMax};
  };
  std::unique_ptr<LoopPlacement[]> placements;  // by loop; touched by that loop alone
  Placement& placement(uint32_t loop) const { return placements[loop].placement; }
  base::ByteBudget& heldBytes(uint32_t loop) const { return placements[loop].held; }
};

}  // namespace weir::sandbox
