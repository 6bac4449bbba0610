"""What training and mapping share: loop, device, weights, parallel map, resumable work."""
