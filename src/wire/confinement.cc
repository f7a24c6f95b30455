#include "wire/confinement.h"

#include <algorithm>

namespace weir::wire {
namespace {

constexpr uint8_t kEncodingVersion = 1;

constexpr std::array<std::string_view, kConfinementCount> kNames = {
    "user-namespace",   "pid-namespace",     "mount-namespace", "net-namespace",   "ipc-namespace",     "uts-namespace",
    "cgroup-namespace", "unprivileged-user", "landlock",        "resource-limits", "no-new-privileges", "empty-root",
    "descriptors",      "capabilities",      "not-dumpable",    "seccomp"};
static_assert(static_cast<size_t>(Confinement::kSeccomp) + 1 == kConfinementCount);

bool isPrintable(char c) { return c >= 0x20 && c != 0x7f; }

}  // namespace

std::string_view confinementName(Confinement confinement) { return kNames[static_cast<size_t>(confinement)]; }

bool isMadeByParent(Confinement confinement) { return confinement < Confinement::kNoNewPrivileges; }

void Confinements::setActive(Confinement confinement) { at(confinement) = {State::kActive, {}}; }

void Confinements::setInactive(Confinement confinement, std::string_view reason) {
  std::string kept(reason.substr(0, kReasonBytesMax));
  std::replace_if(
      kept.begin(), kept.end(), [](char c) { return static_cast<signed char>(c) >= 0 && !isPrintable(c); }, '?');
  at(confinement) = {State::kInactive, std::move(kept)};
}

bool Confinements::active(Confinement confinement) const { return at(confinement).state == State::kActive; }

bool Confinements::reported(Confinement confinement) const { return at(confinement).state != State::kNotReported; }

std::string_view Confinements::reason(Confinement confinement) const {
  const Entry& entry = at(confinement);
  return entry.state == State::kNotReported ? std::string_view("not reported") : std::string_view(entry.reason);
}

std::vector<Confinement> Confinements::missing() const {
  std::vector<Confinement> result;
  for (size_t i = 0; i < kConfinementCount; ++i) {
    if (entries_[i].state != State::kActive) result.push_back(static_cast<Confinement>(i));
  }
  return result;
}

void Confinements::merge(const Confinements& other) {
  for (size_t i = 0; i < kConfinementCount; ++i) {
    const Entry& theirs = other.entries_[i];
    if (theirs.state == State::kNotReported || entries_[i].state == State::kInactive) continue;
    entries_[i] = theirs;
  }
}

std::string Confinements::summary() const {
  const std::vector<Confinement> absent = missing();
  std::string text =
      std::to_string(kConfinementCount - absent.size()) + " of " + std::to_string(kConfinementCount) + " active";
  for (size_t i = 0; i < absent.size(); ++i) {
    text.append(i == 0 ? "; missing: " : ", ").append(confinementName(absent[i]));
    text.append(" (").append(reason(absent[i])).append(")");
  }
  return text;
}

std::string Confinements::table() const {
  std::string text;
  for (size_t i = 0; i < kConfinementCount; ++i) {
    const auto confinement = static_cast<Confinement>(i);
    text.append(confinementName(confinement)).append(20 - confinementName(confinement).size(), ' ');
    if (active(confinement)) {
      text.append("active\n");
    } else {
      text.append("missing: ").append(reason(confinement)).append("\n");
    }
  }
  return text;
}

// version, count, then per reported confinement: number, state, length of the reason, reason.
std::vector<std::byte> Confinements::encode() const {
  std::vector<std::byte> bytes = {std::byte{kEncodingVersion}, std::byte{0}};
  uint8_t count = 0;
  for (size_t i = 0; i < kConfinementCount; ++i) {
    const Entry& entry = entries_[i];
    if (entry.state == State::kNotReported) continue;
    bytes.push_back(static_cast<std::byte>(i));
    bytes.push_back(static_cast<std::byte>(entry.state));
    bytes.push_back(static_cast<std::byte>(entry.reason.size()));
    for (char c : entry.reason) bytes.push_back(static_cast<std::byte>(c));
    ++count;
  }
  bytes[1] = std::byte{count};
  CHECK(bytes.size() <= kEncodedBytesMax);
  return bytes;
}

base::Result<Confinements> Confinements::decode(std::span<const std::byte> bytes) {
  const base::Error malformed{"malformed confinement report"};
  if (bytes.size() < 2 || bytes.size() > kEncodedBytesMax) return malformed;
  if (bytes[0] != std::byte{kEncodingVersion}) return base::Error{"confinement report of another version"};
  const auto count = std::to_integer<size_t>(bytes[1]);
  bytes = bytes.subspan(2);
  Confinements result;
  for (size_t i = 0; i < count; ++i) {
    if (bytes.size() < 3) return malformed;
    const auto number = std::to_integer<size_t>(bytes[0]);
    const auto state = std::to_integer<size_t>(bytes[1]);
    const auto length = std::to_integer<size_t>(bytes[2]);
    bytes = bytes.subspan(3);
    if (number >= kConfinementCount || length > kReasonBytesMax || length > bytes.size()) return malformed;
    const auto confinement = static_cast<Confinement>(number);
    if (result.reported(confinement)) return malformed;
    std::string reason(reinterpret_cast<const char*>(bytes.data()), length);
    bytes = bytes.subspan(length);
    if (!std::all_of(reason.begin(), reason.end(),
                     [](char c) { return static_cast<signed char>(c) < 0 || isPrintable(c); })) {
      return malformed;
    }
    if (state == static_cast<size_t>(State::kActive) && reason.empty()) {
      result.setActive(confinement);
    } else if (state == static_cast<size_t>(State::kInactive)) {
      result.setInactive(confinement, reason);
    } else {
      return malformed;
    }
  }
  if (!bytes.empty()) return malformed;
  return result;
}

}  // namespace weir::wire
