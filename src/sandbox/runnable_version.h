// One version as loops route to it and engines are given it. Immutable; shared by the routes that name it and the
// invocations that run it.
#pragma once

#include <string>

#include "wire/bundle.h"
#include "wire/descriptor.h"
#include "wire/message.h"

namespace weir::sandbox {

struct RunnableVersion {
  wire::VersionId number;
  std::string script;
  std::string id;               // UUID text, for traces
  wire::VersionLimits limits;   // as in the bundle; the platform keeps waitUntilMs itself
  wire::Descriptor bundleBlob;  // sealed
};

}  // namespace weir::sandbox
