using System.Globalization;

namespace Hakmem.Inspection;

// What pools have reported: see LeakLog.
internal static class LeakJson
{
    public static void Write(JsonText json)
    {
        (LeakLog.Entry[] entries, long lost) = LeakLog.Read();
        json.Name("unkeptCount").Number(lost);
        json.Name("reports").Array(entries, entry => json.Object(() =>
        {
            json.Name("stack").Array(entry.Frames, frame => json.Text(frame));
            json.Name("count").Number(entry.Count);
            json.Name("bytes").Number(entry.Bytes);
            json.Name("firstAt").Text(entry.FirstAt.ToString("O", CultureInfo.InvariantCulture));
            json.Name("lastAt").Text(entry.LastAt.ToString("O", CultureInfo.InvariantCulture));
        }));
    }
}
