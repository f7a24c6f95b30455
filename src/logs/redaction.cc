#include "logs/redaction.h"

#include <array>
#include <cstdint>

namespace weir::logs {

namespace {

constexpr size_t kSecretRunBytesMin = 13;  // shorter runs cannot be a secret by any of the rules

enum CharacterClass : uint8_t { kOutside = 0, kSeparator = 1, kDigit = 2, kUpper = 4, kLower = 8, kHexLetter = 16 };

constexpr std::array<uint8_t, 256> kClasses = [] {
  std::array<uint8_t, 256> classes{};
  for (const char c : std::string_view("+_-")) classes[static_cast<uint8_t>(c)] = kSeparator;
  for (int c = '0'; c <= '9'; ++c) classes[static_cast<size_t>(c)] = kDigit;
  for (int c = 'A'; c <= 'Z'; ++c) classes[static_cast<size_t>(c)] = kUpper | (c <= 'F' ? kHexLetter : 0);
  for (int c = 'a'; c <= 'z'; ++c) classes[static_cast<size_t>(c)] = kLower | (c <= 'f' ? kHexLetter : 0);
  return classes;
}();

uint8_t classOf(char c) { return kClasses[static_cast<uint8_t>(c)]; }

bool passesLuhn(std::string_view run) {
  int sum = 0;
  bool doubled = false;
  for (size_t i = run.size(); i-- > 0;) {
    if (classOf(run[i]) != kDigit) continue;
    int digit = run[i] - '0';
    if (doubled) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
    doubled = !doubled;
  }
  return sum % 10 == 0;
}

// Letters that tell a needle apart from ordinary header names: one of them is in each, and they are rare.
constexpr std::array<uint8_t, 256> kTelltale = [] {
  std::array<uint8_t, 256> telltale{};
  for (const char c : std::string_view("ujkc")) telltale[static_cast<uint8_t>(c)] = 1;
  return telltale;
}();

}  // namespace

bool isSecretHeader(std::string_view name) {
  const auto holds = [&](size_t at, size_t before, std::string_view needle) {
    return at >= before && name.substr(at - before, needle.size()) == needle;
  };
  for (size_t i = 0; i < name.size(); ++i) {
    if (kTelltale[static_cast<uint8_t>(name[i])] == 0) [[likely]]
      continue;
    switch (name[i]) {
      case 'u':
        if (holds(i, 1, "auth")) return true;
        break;
      case 'j':
        if (holds(i, 0, "jwt")) return true;
        break;
      case 'k':
        if (holds(i, 0, "key") || holds(i, 2, "token")) return true;
        break;
      default:
        if (holds(i, 2, "secret") || (i == 0 && name == "cookie") || (i == 4 && name == "set-cookie")) return true;
    }
  }
  return false;
}

bool isSecretRun(std::string_view run) {
  if (run.size() < kSecretRunBytesMin) return false;
  size_t digits = 0, upper = 0, lower = 0, hexLetters = 0;
  for (const char c : run) {
    const uint8_t kind = classOf(c);
    digits += (kind & kDigit) != 0;
    upper += (kind & kUpper) != 0;
    lower += (kind & kLower) != 0;
    hexLetters += (kind & kHexLetter) != 0;
  }
  const size_t letters = upper + lower;
  if (digits + hexLetters >= 32 && letters == hexLetters) return true;
  if (run.size() >= 21 && upper >= 2 && lower >= 2 && digits >= 2) return true;
  return letters == 0 && digits >= 13 && digits <= 19 && passesLuhn(run);
}

SecretRun findSecretRun(std::string_view url, size_t from) {
  size_t i = from;
  while (i < url.size()) {
    if (classOf(url[i]) == kOutside) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < url.size() && classOf(url[i]) != kOutside) ++i;
    if (i - begin >= kSecretRunBytesMin && isSecretRun(url.substr(begin, i - begin))) return {begin, i};
  }
  return {std::string_view::npos, std::string_view::npos};
}

std::string redactUrl(std::string_view url) {
  std::string out;
  size_t done = 0;
  for (;;) {
    const SecretRun run = findSecretRun(url, done);
    if (run.begin == std::string_view::npos) break;
    out += url.substr(done, run.begin - done);
    out += kRedacted;
    done = run.end;
  }
  return out += url.substr(done);
}

}  // namespace weir::logs
