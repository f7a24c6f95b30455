// What holds an engine in, and what does not: the report that parent and engine each fill in by half, and
// that the log, `/health` and `weir doctor` print. A confinement that nobody reported counts as missing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace weir::wire {

enum class Confinement : uint8_t {
  // Made by the parent, between clone and exec.
  kUserNamespace,
  kPidNamespace,
  kMountNamespace,  // a root of its own that holds only what the engine must load, read-only
  kNetNamespace,
  kIpcNamespace,
  kUtsNamespace,
  kCgroupNamespace,
  kUnprivilegedUser,  // the uid outside the namespaces is not 0
  kLandlock,
  kResourceLimits,
  // Made, and tried, by the engine after it has loaded and before the first tenant byte.
  kNoNewPrivileges,
  kEmptyRoot,  // not even the files it was loaded from can be named any more
  kDescriptors,
  kCapabilities,
  kNotDumpable,
  kSeccomp,
};
inline constexpr size_t kConfinementCount = 16;

// A short name as printed: "user-namespace", "seccomp".
std::string_view confinementName(Confinement confinement);

// The confinements the parent makes; the others are the engine's.
bool isMadeByParent(Confinement confinement);

// A value. Any thread may own one.
class Confinements {
 public:
  static constexpr size_t kReasonBytesMax = 120;  // longer reasons are cut
  static constexpr size_t kEncodedBytesMax = 2 + kConfinementCount * (3 + kReasonBytesMax);

  void setActive(Confinement confinement);
  // `reason`: why it is not active, in words an operator can act on.
  void setInactive(Confinement confinement, std::string_view reason);

  bool active(Confinement confinement) const;
  bool reported(Confinement confinement) const;
  // Empty when active; "not reported" when nobody spoke about it.
  std::string_view reason(Confinement confinement) const;

  std::vector<Confinement> missing() const;
  bool complete() const { return missing().empty(); }

  // Adds what `other` reports. Where both report the same one, inactive wins.
  void merge(const Confinements& other);

  // One line: "16 of 16 active", or "14 of 16 active; missing: landlock (the kernel has none), …".
  std::string summary() const;
  // One line each, aligned, for `weir doctor`.
  std::string table() const;

  // For the control socket; at most kEncodedBytesMax bytes.
  std::vector<std::byte> encode() const;
  // The bytes may come from an engine: an unknown confinement, a repeated one, a wrong length or a control
  // character in a reason is an error.
  static base::Result<Confinements> decode(std::span<const std::byte> bytes);

  bool operator==(const Confinements&) const = default;

 private:
  enum class State : uint8_t { kNotReported, kActive, kInactive };
  struct Entry {
    State state = State::kNotReported;
    std::string reason;
    bool operator==(const Entry&) const = default;
  };
  const Entry& at(Confinement confinement) const { return entries_[static_cast<size_t>(confinement)]; }
  Entry& at(Confinement confinement) { return entries_[static_cast<size_t>(confinement)]; }

  std::array<Entry, kConfinementCount> entries_;
};

}  // namespace weir::wire
