using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
using System.Text;
using Hakmem.Api;

namespace Hakmem.Tests.Architecture;

// The settings' declarations, and the table of docs/operations.md that is made of them.
internal static class SettingsTable
{
    public static HakmemSetting[] Settings { get; } =
    [
        .. typeof(HakmemSettings).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.FieldType == typeof(HakmemSetting))
            .Select(field => (HakmemSetting)field.GetValue(null)!),
    ];

    public static string ToMarkdown()
    {
        StringBuilder text = new();
        text.Append("| option | environment variable | original HAKMEM's | default | meaning |\n");
        text.Append("|---|---|---|---|---|\n");
        foreach (HakmemSetting setting in Settings)
        {
            bool isOption = typeof(HakmemOptions).GetProperty(setting.Name) is not null;
            string remark = isOption ? "" : " (process-wide, not in `HakmemOptions`)";
            string original = setting.Original is null ? "" : $"`{setting.Original.Name}` ";
            text.Append(CultureInfo.InvariantCulture, $"| `{setting.Name}`{remark} | `{setting.Variable}` | {original}");
            text.Append(CultureInfo.InvariantCulture, $"| {DefaultOf(setting)} | {setting.Meaning} |\n");
        }

        return text.ToString();
    }

    private static string DefaultOf(HakmemSetting setting)
    {
        long value = setting.Default;
        return setting.Type.IsEnum ? $"`{Enum.ToObject(setting.Type, value)}`"
            : setting.Type == typeof(bool) ? value == 0 ? "`false`" : "`true`"
            : setting.Type == typeof(TimeSpan) ? Text($"{TimeSpan.FromTicks(value).TotalSeconds} s")
            : value == 0 && setting.ZeroMeans is not null ? $"0: {setting.ZeroMeans}"
            : NumberOf(value) + (setting.ZeroMeans is null ? "" : $"; 0: {setting.ZeroMeans}");
    }

    private static string NumberOf(long value) =>
        value >= 1 << 20 ? Text($"{value} ({value >> 20} MiB)") : Text($"{value}");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
