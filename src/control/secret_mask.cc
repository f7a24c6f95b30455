#include "control/secret_mask.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace weir::control {

std::string maskSecrets(std::string text, const std::map<std::string, std::string>& secrets) {
  std::vector<std::pair<std::string_view, std::string_view>> masked;  // text and name
  for (const auto& [name, secret] : secrets) {
    if (secret.size() >= kMaskedBytesMin && text.find(secret) != std::string::npos) masked.emplace_back(secret, name);
  }
  if (masked.empty()) return text;
  std::stable_sort(masked.begin(), masked.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto rest = std::string_view(text).substr(at);
    const auto found =
        std::find_if(masked.begin(), masked.end(), [&](const auto& each) { return rest.starts_with(each.first); });
    if (found == masked.end()) {
      out.push_back(text[at++]);
    } else {
      out.append("[secret ").append(found->second).append("]");
      at += found->first.size();
    }
  }
  return out;
}

}  // namespace weir::control
