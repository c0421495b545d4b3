using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Reflection;

namespace Hakmem;

/// <summary>
/// The values of <see cref="NativeMemoryPoolOptions"/> as properties that a configuration can set. Not thread-safe.
/// </summary>
[DebuggerDisplay("MaxBufferSize = {MaxBufferSize}, MaxBytes = {MaxBytes}")]
public sealed class HakmemPoolSettings
{
    private static readonly PropertyInfo[] s_properties = typeof(HakmemPoolSettings).GetProperties();

    /// <summary>The largest buffer in bytes; see <see cref="NativeMemoryPoolOptions.MaxBufferSize"/>.</summary>
    public int MaxBufferSize { get; set; } = new NativeMemoryPoolOptions().MaxBufferSize;

    /// <summary>
    /// The default size of a buffer in bytes; see <see cref="NativeMemoryPoolOptions.DefaultBufferSize"/>.
    /// </summary>
    public int DefaultBufferSize { get; set; } = new NativeMemoryPoolOptions().DefaultBufferSize;

    /// <summary>The limit on rented bytes; see <see cref="NativeMemoryPoolOptions.MaxBytes"/>.</summary>
    public long MaxBytes { get; set; } = new NativeMemoryPoolOptions().MaxBytes;

    /// <summary>
    /// Whether owner objects are used again; see <see cref="NativeMemoryPoolOptions.RecycleOwners"/>.
    /// </summary>
    public bool RecycleOwners { get; set; } = new NativeMemoryPoolOptions().RecycleOwners;

    /// <summary>How leaks are tracked; see <see cref="NativeMemoryPoolOptions.LeakTracking"/>.</summary>
    public LeakTracking LeakTracking { get; set; } = new NativeMemoryPoolOptions().LeakTracking;

    // The names of what has another value than the default.
    internal IEnumerable<string> ChangedKeys
    {
        get
        {
            HakmemPoolSettings defaults = new();
            return s_properties
                .Where(property => !Equals(property.GetValue(this), property.GetValue(defaults)))
                .Select(property => property.Name);
        }
    }

    internal NativeMemoryPoolOptions ToPoolOptions() => new()
    {
        MaxBufferSize = MaxBufferSize,
        DefaultBufferSize = DefaultBufferSize,
        MaxBytes = MaxBytes,
        RecycleOwners = RecycleOwners,
        LeakTracking = LeakTracking,
    };
}
