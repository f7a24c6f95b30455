// ProfileStore: the CPU profiles of starts that took too long, the newest of each script, as files that developer tools
// open: OWNER.SCRIPT.cpuprofile, or SCRIPT.cpuprofile where scripts have no owner.
//
// Threads: any; a call may wait for the disk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::sandbox {

class ProfileStore {
 public:
  static constexpr size_t kProfilesMax = 200;  // the oldest go first
  static constexpr std::string_view kEnding = ".cpuprofile";

  // The directory is made with the first profile.
  explicit ProfileStore(std::string directory) : directory_(std::move(directory)) {}

  // Whole or not at all, in the place of an earlier one. `owner` may be empty.
  base::Status put(std::string_view owner, std::string_view script, std::string_view profile) const;
  std::optional<std::string> find(std::string_view owner, std::string_view script) const;
  // Who has a profile of a script of this name.
  std::vector<std::string> ownersOf(std::string_view script) const;

 private:
  // Empty: no profile can have such names.
  std::string pathOf(std::string_view owner, std::string_view script) const;
  void sweep() const;

  std::string directory_;
};

}  // namespace weir::sandbox
