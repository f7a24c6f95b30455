// An engine's first word: it is locked down and takes work.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sandbox/engine_process.h"

namespace weir::sandbox {

struct EngineReadiness {
  wire::Confinements confinements;  // the parent's half and the engine's own
  std::string v8Version;
};

// What the engine has said, or nothing while it has said nothing. An error when it ended, said something else, or is
// missing a confinement while `requireSandbox`; the process is the caller's to end. Does not wait.
base::Result<std::optional<EngineReadiness>> receiveReady(EngineProcess& process, bool requireSandbox);

}  // namespace weir::sandbox
