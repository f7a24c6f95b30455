// The fields of a message: ordered, duplicates kept, names compared without case. All text lies in one buffer, so
// filling a list that was cleared allocates nothing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

// ASCII only, as HTTP compares names.
bool equalsIgnoreCase(std::string_view a, std::string_view b);

// Views borrow from the list and die with its next change.
struct Header {
  std::string_view name;
  std::string_view value;
};

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(std::initializer_list<Header> headers);

  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  Header operator[](size_t index) const;

  class Iterator {
   public:
    Iterator(const HeaderList& list, size_t index) : list_(&list), index_(index) {}
    Header operator*() const { return (*list_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return index_ != other.index_; }

   private:
    const HeaderList* list_;
    size_t index_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

  // The first value under `name`, or nullopt.
  std::optional<std::string_view> find(std::string_view name) const;
  size_t count(std::string_view name) const;
  // Whether `token` is an element of the comma-separated lists under `name`, as in `Connection: close`.
  bool containsToken(std::string_view name, std::string_view token) const;

  // Appends. Text is taken as it is; encoders refuse what could not be sent, decoders never produce it.
  // The views may point into this list.
  void add(std::string_view name, std::string_view value);
  // Replaces the first value under `name` in its place and drops the others; appends when there is none.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  // Keeps the memory.
  void clear();

  // All text of names and values.
  size_t textBytes() const { return text_.size(); }

 private:
  struct Entry {
    uint32_t at;
    uint32_t nameSize;
    uint32_t valueSize;  // the value follows the name
  };

  std::string text_;  // removed entries leave their text behind until the next clear
  std::vector<Entry> entries_;
};

}  // namespace weir::http
