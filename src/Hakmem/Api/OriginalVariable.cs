using System;
using System.Globalization;
using System.Linq;

namespace Hakmem.Api;

// An environment variable of the original HAKMEM, so that its scripts and its study's configurations mean the same
// here. Its values are the original's: HAKMEM_SS_LAZY_ZERO=0 is Off, where HAKMEM_LAZY_ZERO=0 is LazyZeroMode's value
// 0, Deferred. The names of a mode's values are understood as well; its numbers are not, but for those that the
// original has.
internal sealed class OriginalVariable
{
    private readonly (string Text, long Value)[]? _words;
    private readonly long _most;
    private readonly long _unit;

    // A number from zero, in units of the setting's value.
    public OriginalVariable(string name, long most, long unit = 1) => (Name, _most, _unit) = (name, most, unit);

    // Words of the original's, whatever their case.
    public OriginalVariable(string name, params (string Text, long Value)[] words) => (Name, _words) = (name, words);

    public string Name { get; }

    public string FindingFor(HakmemSetting setting) => _words is null
        ? $"not a whole number from 0 to {_most}"
        : "none of " + string.Join(", ", _words.Select(word => word.Text).Concat(Enum.GetNames(setting.Type)));

    public bool TryParse(string text, HakmemSetting setting, out long value)
    {
        if (_words is null)
        {
            bool isNumber =
                long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value <= _most;
            value = isNumber ? value * _unit : 0;
            return isNumber;
        }

        foreach ((string word, long known) in _words)
        {
            if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
            {
                value = known;
                return true;
            }
        }

        value = 0;
        return char.IsLetter(text[0]) && setting.TryParseMode(text, out value);
    }
}
