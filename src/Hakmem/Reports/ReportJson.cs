using System.Globalization;
using System.Text;

namespace Hakmem.Reports;

// A report as JSON, written by hand: the smallest target of the library has no JSON in its framework.
internal static class ReportJson
{
    public static string Write(NativeMemoryReport report)
    {
        StringBuilder text = new("{\"capturedAt\":");
        AppendText(text, report.CapturedAt.ToString("O", CultureInfo.InvariantCulture));
        AppendNumber(text, ",\"residentBytes\":", report.ResidentBytes);
        AppendNumber(text, ",\"attributedBytes\":", report.AttributedBytes);
        text.Append(CultureInfo.InvariantCulture, $",\"attributedShare\":{report.AttributedShare:0.######},\"rows\":[");
        string separator = "";
        foreach (NativeMemoryRow row in report.Rows)
        {
            text.Append(separator).Append("{\"kind\":");
            AppendText(text, row.Kind.ToString());
            text.Append(",\"name\":");
            AppendText(text, row.Name);
            AppendNumber(text, ",\"residentBytes\":", row.ResidentBytes);
            text.Append(",\"source\":");
            AppendText(text, row.Source);
            AppendParts(text, row);
            text.Append('}');
            separator = ",";
        }

        return text.Append("]}").ToString();
    }

    // RFC 8259: quotes, backslashes and control characters are escaped, and halves of surrogate pairs, which are no
    // text in UTF-8.
    public static void AppendText(StringBuilder text, string value)
    {
        text.Append('"');
        for (int i = 0; i < value.Length; i++)
        {
            char c = value[i];
            bool isPair = char.IsHighSurrogate(c) && i + 1 < value.Length && char.IsLowSurrogate(value[i + 1]);
            if (isPair)
            {
                text.Append(c).Append(value[++i]);
            }
            else if (c is '"' or '\\')
            {
                text.Append('\\').Append(c);
            }
            else if (c < ' ' || char.IsSurrogate(c))
            {
                text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                text.Append(c);
            }
        }

        text.Append('"');
    }

    private static void AppendParts(StringBuilder text, NativeMemoryRow row)
    {
        text.Append(",\"parts\":[");
        string separator = "";
        foreach (NativeMemoryPart part in row.Parts)
        {
            text.Append(separator).Append("{\"name\":");
            AppendText(text, part.Name);
            AppendNumber(text, ",\"bytes\":", part.Bytes);
            text.Append('}');
            separator = ",";
        }

        text.Append(']');
    }

    private static void AppendNumber(StringBuilder text, string name, long value) =>
        text.Append(name).Append(value.ToString(CultureInfo.InvariantCulture));
}
