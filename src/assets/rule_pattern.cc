#include "assets/rule_pattern.h"

#include <algorithm>

#include "base/check.h"

namespace weir::assets {

namespace {

constexpr std::string_view kScheme = "https://";

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isWord(char c) { return isLetter(c) || (c >= '0' && c <= '9') || c == '_'; }

// The length of the name behind the colon at `text[at]`; 0: it is only a colon.
size_t nameSize(std::string_view text, size_t at) {
  size_t end = at + 1;
  if (end >= text.size() || !isLetter(text[end])) return 0;
  while (end < text.size() && isWord(text[end])) ++end;
  return end - at - 1;
}

}  // namespace

bool RulePattern::isDynamic(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*' || (text[i] == ':' && nameSize(text, i) > 0)) return true;
  }
  return false;
}

base::Result<RulePattern> RulePattern::parse(std::string_view text) {
  RulePattern pattern;
  pattern.hasHost_ = text.starts_with(kScheme);
  const size_t hostEnd = pattern.hasHost_ ? std::min(text.find('/', kScheme.size()), text.size()) : 0;
  const auto addText = [&](char c) {
    if (pattern.parts_.empty() || pattern.parts_.back().kind != Kind::kText)
      pattern.parts_.push_back({Kind::kText, {}});
    pattern.parts_.back().text.push_back(c);
  };
  const auto isTaken = [&](std::string_view name) {
    return std::any_of(pattern.parts_.begin(), pattern.parts_.end(),
                       [&](const Part& part) { return part.kind != Kind::kText && part.text == name; });
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '*') {
      if (pattern.splat_) return base::Error{"Only one * is allowed in a rule."};
      if (isTaken("splat")) return base::Error{"Only one placeholder may have the name splat, which * has."};
      pattern.splat_ = pattern.parts_.size();
      pattern.parts_.push_back({Kind::kSplat, "splat"});
      continue;
    }
    const size_t size = text[i] == ':' ? nameSize(text, i) : 0;
    if (size == 0) {
      addText(text[i]);
      if (text[i] == '/' && !pattern.splat_) ++pattern.slashesBeforeSplat_;
      continue;
    }
    const std::string_view name = text.substr(i + 1, size);
    if (isTaken(name)) return base::Error{"Only one placeholder may have the name " + std::string(name) + "."};
    pattern.parts_.push_back({i < hostEnd ? Kind::kHostName : Kind::kName, std::string(name)});
    i += size;
  }
  if (pattern.parts_.empty() || pattern.parts_.front().kind != Kind::kText)
    return base::Error{"A rule begins with a slash or with https://."};
  return pattern;
}

// From the right. A name that is the last part ends at `end`; the text before it is where it stands rightmost with
// something other than a slash, and no slash, in between. The first part of the pattern is a text at 0.
//
// Rightmost is right: between two places of a text that both leave no slash behind them lies no slash either, so what
// stands before it can always stretch to the later one; and what stretches most first is what a greedy expression
// finds.
bool RulePattern::matchBackwards(std::string_view text, size_t first, size_t last, size_t end, std::vector<Span>& spans,
                                 size_t& begin) const {
  while (last > first) {
    const Part& part = parts_[--last];
    if (part.kind == Kind::kText) {
      // Only a text that ends at `end` gets here: one behind a name is found with it.
      if (end < part.text.size() || !text.substr(0, end).ends_with(part.text)) return false;
      end -= part.text.size();
      if (last == 0 && end != 0) return false;
      continue;
    }
    const std::string_view forbidden = part.kind == Kind::kHostName ? "/." : "/";
    // The value may reach from behind the last character that it must not contain.
    const size_t stop = text.substr(0, end).find_last_of(forbidden);
    const size_t floor = stop == std::string_view::npos ? 0 : stop + 1;
    if (last == first) {
      // Behind a splat, which takes what it can get.
      if (end == 0 || end - 1 < floor) return false;
      spans[last] = {end - 1, end};
      end -= 1;
      continue;
    }
    const Part& before = parts_[last - 1];
    if (before.kind != Kind::kText) {
      // Two names without a text between them: the first is greedy, the second gets one character.
      if (end == 0 || end - 1 < floor) return false;
      spans[last] = {end - 1, end};
      end -= 1;
      continue;
    }
    if (end == 0) return false;
    size_t at = 0;
    if (last - 1 == 0) {
      // The first text of all.
      if (!text.starts_with(before.text)) return false;
    } else {
      const std::string_view room = text.substr(0, end - 1);
      at = room.rfind(before.text);
      if (at == std::string_view::npos) return false;
    }
    const size_t from = at + before.text.size();
    if (from < floor || from >= end) return false;
    spans[last] = {from, end};
    --last;
    end = at;
  }
  begin = end;
  return true;
}

bool RulePattern::match(std::string_view host, std::string_view path, Captures& captures) const {
  std::string whole;
  std::string_view text = path;
  if (hasHost_) {
    // The scheme is a way to write a rule; a request matches whatever its own.
    whole.reserve(kScheme.size() + host.size() + path.size());
    whole.append(kScheme).append(host).append(path);
    text = whole;
  }
  const std::string& head = parts_.front().text;
  if (!text.starts_with(head)) return false;
  if (parts_.size() == 1) return text.size() == head.size();

  std::vector<Span> spans(parts_.size(), Span{0, 0});
  size_t begin = 0;
  if (!splat_) {
    if (!matchBackwards(text, 0, parts_.size(), text.size(), spans, begin) || begin != 0) return false;
  } else {
    if (!matchBackwards(text, *splat_ + 1, parts_.size(), text.size(), spans, begin)) return false;
    const size_t splatEnd = begin;
    // What stands before the splat spans as many slashes as its texts have, and reaches as far as that allows.
    size_t limit = 0;
    for (size_t slashes = 0; limit < splatEnd; ++limit) {
      if (text[limit] == '/' && ++slashes > slashesBeforeSplat_) break;
    }
    size_t end = limit;
    const Part& last = parts_[*splat_ - 1];
    if (last.kind == Kind::kText) {
      if (*splat_ == 1) {
        end = last.text.size();
        if (end > splatEnd) return false;
      } else {
        const size_t at = text.substr(0, limit).rfind(last.text);
        if (at == std::string_view::npos) return false;
        end = at + last.text.size();
      }
    }
    if (!matchBackwards(text, 0, *splat_, end, spans, begin) || begin != 0) return false;
    spans[*splat_] = {end, splatEnd};
  }
  captures.clear();
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].kind == Kind::kText) continue;
    captures.push_back({parts_[i].text, std::string(text.substr(spans[i].from, spans[i].to - spans[i].from))});
  }
  return true;
}

std::string fillIn(std::string_view text, const Captures& captures) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t size = text[i] == ':' ? nameSize(text, i) : 0;
    const std::string_view name = text.substr(std::min(i + 1, text.size()), size);
    const auto at = size == 0 ? captures.end()
                              : std::find_if(captures.begin(), captures.end(),
                                             [&](const Capture& capture) { return capture.name == name; });
    if (at == captures.end()) {
      out.push_back(text[i]);
      continue;
    }
    out += at->value;
    i += size;
  }
  return out;
}

}  // namespace weir::assets
