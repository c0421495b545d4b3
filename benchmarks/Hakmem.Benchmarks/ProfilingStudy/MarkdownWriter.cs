using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>Writes a report as Markdown, without its charts.</summary>
internal static class MarkdownWriter
{
    /// <summary>The whole document.</summary>
    public static string Write(Report report)
    {
        StringBuilder text = new($"# {report.Title}\n");
        foreach (ReportSection section in report.Sections)
        {
            text.Append($"\n## {section.Heading}\n");
            foreach (string paragraph in section.Paragraphs)
            {
                text.Append($"\n{paragraph}\n");
            }

            foreach (ReportTable table in section.Tables)
            {
                text.Append(table.Caption.Length > 0 ? $"\n{table.Caption}\n\n" : "\n");
                AppendRow(text, table.Headers);
                AppendRow(text, [.. table.Headers.Select(_ => "---")]);
                foreach (IReadOnlyList<string> row in table.Rows)
                {
                    AppendRow(text, row);
                }
            }
        }

        return text.ToString();
    }

    private static void AppendRow(StringBuilder text, IReadOnlyList<string> cells) =>
        text.Append($"| {string.Join(" | ", cells)} |\n");
}
