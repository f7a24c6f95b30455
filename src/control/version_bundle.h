// What engines are given of a version of the catalog: its modules and bindings as a sealed bundle (wire/bundle.h).
//
// Threads: pure functions, any thread.
#pragma once

#include <boost/json/array.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/plan.h"
#include "catalog/script.h"
#include "sandbox/runnable_version.h"
#include "wire/bundle.h"
#include "wire/compatibility.h"
#include "wire/descriptor.h"

namespace weir::control {

struct BundleSource {
  std::string_view account;  // id
  std::string_view script;
  catalog::VersionSyntax syntax = catalog::VersionSyntax::kEsModules;
  std::string_view compatibilityDate;
  std::string_view compatibilityFlags;
  const boost::json::array& bindings;                 // as catalog::Version keeps them
  std::span<const catalog::Module> modules;           // the main module first
  const std::map<std::string, std::string>& secrets;  // name to text
  wire::VersionLimits limits;
  // For a binding of type version_metadata; empty before the version has an id.
  std::string_view versionId = {};
  std::string_view versionTag = {};
  int64_t createdMs = 0;
};

// The limits that hold for a version: the plan's, and what its upload asked for within them (`limits`: JSON object).
wire::VersionLimits versionLimits(const catalog::PlanLimits& plan, std::string_view limits);

struct VersionBundle {
  wire::Descriptor sealed;
  std::vector<sandbox::ServiceTarget> services;
  std::vector<std::string> rateSpaces;
};
// For running it. The error says what is too large.
base::Result<VersionBundle> makeBundle(const BundleSource& source);

struct CheckBundle {
  wire::Descriptor sealed;
  std::string key;  // of its image, sandbox::VersionStore::Key: of its owner and of all that the image depends on
  // Values of bindings are not to be written to the disk with a heap. ES modules see none while they are checked.
  bool mayKeepHeap = true;
};
// Whether code may read the values of bindings before it runs (docs/decisions/0024): it imports them, or has them as
// process.env. Then a check needs them.
bool readsBindingsEarly(std::string_view code, const wire::CompatibilitySet& chosen);

// For its check.
base::Result<CheckBundle> makeCheckBundle(const BundleSource& source);

}  // namespace weir::control
