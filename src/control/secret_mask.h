// The texts of secrets in what an error quotes of a script.
#pragma once

#include <map>
#include <string>

namespace weir::control {

// `text` with "[secret NAME]" wherever the text of one of `secrets` (name to text) stands; the longest first. What is
// shorter than kMaskedBytesMin is no secret, and would be found in any text.
std::string maskSecrets(std::string text, const std::map<std::string, std::string>& secrets);

inline constexpr size_t kMaskedBytesMin = 4;

}  // namespace weir::control
