// PrefixIndex: of a set of texts, the longest one that another text starts with, and all shorter ones from there.
//
// Sorted texts, each linked to the longest other one that is its beginning. A lookup is one binary search and one
// comparison; every further step follows a link. Lives in vectors of its owner, so that many small indexes share
// memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::catalog {

// What an entry needs to have: `std::string_view text(const Entry&)` is the caller's, `parent` is set by linkPrefixes.
inline constexpr int32_t kNoPrefix = -1;

// Sorts `entries` and sets each `parent` to an index within them. Texts must differ.
template <class Entry, class TextOf>
void linkPrefixes(std::span<Entry> entries, const TextOf& textOf) {
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) { return textOf(a) < textOf(b); });
  std::vector<int32_t> open;  // beginnings of the entry before, shortest first
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view text = textOf(entries[i]);
    while (!open.empty() && !text.starts_with(textOf(entries[static_cast<size_t>(open.back())]))) open.pop_back();
    entries[i].parent = open.empty() ? kNoPrefix : open.back();
    open.push_back(static_cast<int32_t>(i));
  }
}

// Index of the longest entry that `key` starts with, or kNoPrefix. The next shorter one is its `parent`.
template <class Entry, class TextOf>
int32_t findLongestPrefix(std::span<const Entry> entries, std::string_view key, const TextOf& textOf) {
  const auto behind =
      std::upper_bound(entries.begin(), entries.end(), key,
                       [&](std::string_view wanted, const Entry& entry) { return wanted < textOf(entry); });
  auto at = static_cast<int32_t>(behind - entries.begin()) - 1;
  if (at < 0) return kNoPrefix;
  // Whatever begins `key` begins this entry too: it is this entry, or linked from it.
  const std::string_view text = textOf(entries[static_cast<size_t>(at)]);
  const size_t common =
      static_cast<size_t>(std::mismatch(text.begin(), text.end(), key.begin(), key.end()).first - text.begin());
  while (at >= 0 && textOf(entries[static_cast<size_t>(at)]).size() > common)
    at = entries[static_cast<size_t>(at)].parent;
  return at;
}

}  // namespace weir::catalog
