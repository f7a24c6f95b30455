#include "http/header_list.h"

#include <algorithm>

namespace weir::http {
namespace {

inline unsigned char lower(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

}  // namespace

bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

HeaderList::HeaderList(std::initializer_list<Header> headers) {
  for (const Header& each : headers) add(each.name, each.value);
}

Header HeaderList::operator[](size_t index) const {
  const Entry& entry = entries_[index];
  const char* at = text_.data() + entry.at;
  return {{at, entry.nameSize}, {at + entry.nameSize, entry.valueSize}};
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].nameSize == name.size() && equalsIgnoreCase((*this)[i].name, name)) return (*this)[i].value;
  }
  return std::nullopt;
}

size_t HeaderList::count(std::string_view name) const {
  size_t found = 0;
  for (const Header header : *this) found += equalsIgnoreCase(header.name, name);
  return found;
}

bool HeaderList::containsToken(std::string_view name, std::string_view token) const {
  for (const Header header : *this) {
    if (!equalsIgnoreCase(header.name, name)) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      std::string_view element = rest.substr(0, comma);
      while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) element.remove_prefix(1);
      while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) element.remove_suffix(1);
      if (equalsIgnoreCase(element, token)) return true;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return false;
}

void HeaderList::add(std::string_view name, std::string_view value) {
  const Entry entry{static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(name.size()),
                    static_cast<uint32_t>(value.size())};
  const char* text = text_.data();
  const bool inside = (name.data() >= text && name.data() < text + text_.size()) ||
                      (value.data() >= text && value.data() < text + text_.size());
  if (inside) {
    const std::string copy = std::string(name) + std::string(value);
    text_ += copy;
  } else {
    text_.append(name);
    text_.append(value);
  }
  entries_.push_back(entry);
}

void HeaderList::set(std::string_view name, std::string_view value) {
  const auto matches = [this, name](const Entry& entry) {
    return equalsIgnoreCase({text_.data() + entry.at, entry.nameSize}, name);
  };
  const auto first = std::find_if(entries_.begin(), entries_.end(), matches);
  if (first == entries_.end()) return add(name, value);
  const auto place = first - entries_.begin();
  const std::string keptName((*this)[static_cast<size_t>(place)].name);
  entries_.erase(std::remove_if(first + 1, entries_.end(), matches), entries_.end());
  add(keptName, value);
  entries_[static_cast<size_t>(place)] = entries_.back();
  entries_.pop_back();
}

void HeaderList::remove(std::string_view name) {
  std::erase_if(entries_, [this, name](const Entry& entry) {
    return equalsIgnoreCase({text_.data() + entry.at, entry.nameSize}, name);
  });
}

void HeaderList::clear() {
  text_.clear();
  entries_.clear();
}

}  // namespace weir::http
