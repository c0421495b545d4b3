using System;
using System.Globalization;
using System.IO;
using System.Text;
using Hakmem.Tool.Attach;

namespace Hakmem.Tool.Display;

// The standard output. That it cannot be written, as to a full disk, is an error like others that the tool tells of.
internal sealed class OutputWriter(TextWriter console) : TextWriter(CultureInfo.InvariantCulture)
{
    public override Encoding Encoding => console.Encoding;

    public override void Write(char value) => Try(() => console.Write(value));

    public override void Write(char[] buffer, int index, int count) => Try(() => console.Write(buffer, index, count));

    public override void Write(string? value) => Try(() => console.Write(value));

    public override void WriteLine(string? value) => Try(() => console.WriteLine(value));

    public override void Flush() => Try(console.Flush);

    // An output that was closed before the tool began is said to deny access; the error within says why.
    private static void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            string reason = (failure.InnerException ?? failure).Message;
            throw new ToolException(ToolError.Unexpected, $"The output cannot be written: {reason}");
        }
    }
}
