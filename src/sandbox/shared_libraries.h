// Which shared libraries a program needs: what its root must hold for it to start.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace weir::sandbox {

struct SharedLibraries {
  std::string interpreter;             // the dynamic loader, as the program names it (absolute)
  std::vector<std::string> libraries;  // absolute paths as the loader resolves them, the loader itself left out
};

// Asks the dynamic loader of `program` itself (`ld.so --list`), so that its search rules hold. `plugins` are
// shared objects the program will load later. All are trusted files. Runs a process per file and waits for
// it: some milliseconds, not for an event loop.
base::Result<SharedLibraries> findSharedLibraries(const std::string& program, const std::vector<std::string>& plugins);

}  // namespace weir::sandbox
