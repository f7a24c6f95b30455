// SecretText: bytes that are overwritten when they are no longer needed. It is moved, never copied.
#pragma once

#include <openssl/crypto.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::catalog {

class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(size_t size) : bytes_(size) {}
  explicit SecretText(std::string_view text) : bytes_(text.begin(), text.end()) {}
  SecretText(SecretText&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  SecretText& operator=(SecretText&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::exchange(other.bytes_, {});
    }
    return *this;
  }
  ~SecretText() { wipe(); }

  // Borrowed: whoever copies it has a copy that nobody wipes.
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }
  char* data() { return bytes_.data(); }
  size_t size() const { return bytes_.size(); }

 private:
  void wipe() {
    if (!bytes_.empty()) OPENSSL_cleanse(bytes_.data(), bytes_.size());
  }

  std::vector<char> bytes_;  // never grows: a vector that does leaves its bytes behind
};

// For text that has to be a string on its way in: overwritten and emptied.
inline void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

// The secrets of a version for as long as they are handed on: texts by name, overwritten when dropped.
struct SecretTexts {
  SecretTexts() = default;
  SecretTexts(const SecretTexts&) = delete;
  SecretTexts& operator=(const SecretTexts&) = delete;
  ~SecretTexts() {
    for (auto& [name, text] : byName) wipe(text);
  }

  std::map<std::string, std::string> byName;
};

}  // namespace weir::catalog
